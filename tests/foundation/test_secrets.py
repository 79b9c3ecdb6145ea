"""A secret is taken whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from foundation.secrets import referred


def kept(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.touch(mode=0o600)
    path.write_text(text)
    return f"file:{path}"


def test_a_long_token_is_taken_whole(tmp_path: Path) -> None:
    token = "t" * 12_000
    assert referred({}, kept(tmp_path, f"{token}\n"), "token") == token


def test_what_is_too_long_is_not_cut(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="more than 16,384 bytes"):
        referred({}, kept(tmp_path, "t" * 20_000), "token")
