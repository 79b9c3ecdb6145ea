"""Test data that others wrote: its place, and a clear word when it is not here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VECTORS = Path(os.environ.get("ARCOPS_VECTORS", Path(__file__).resolve().parents[2] / "shared" / "vectors"))


def vectors(name: str) -> Path:
    """The folder of the corpus *name*; the calling test is skipped, saying so, if the corpus is absent."""
    folder = VECTORS / name
    if not folder.is_dir():
        pytest.skip(f"the vectors {name!r} are not here; set ARCOPS_VECTORS to the folder that holds them")
    return folder
