"""The project's first folder holds what a new reader needs, and no product of a build."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.requirement("ARC-0/code-keeps-to-its-place")


def test_no_binary_is_committed_at_the_root() -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "--", ":(glob)*"], cwd=HOUSE, capture_output=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("this is no checkout of git, so nothing says which files belong to the project")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    assert "README.md" in names
    binary = [name for name in names if (HOUSE / name).is_file() and b"\0" in (HOUSE / name).read_bytes()]
    assert not binary, f"{binary} are no text; a build's products belong below an ignored folder"
