"""What is built for a release: the wheel and the source archive, as `python -m build` would, without an index."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    wheel: Path
    sdist: Path


def build(source: Path, into: Path) -> Built:
    """Build both from the folder *source*, by the backend that pyproject.toml names."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(into)], cwd=source, check=True, capture_output=True)
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return Built(wheel=wheel, sdist=sdist)
