"""An empty database of Prefect, kept from the first server of a run of the tests for the next: its tables take seconds."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

_NAME = "prefect.db"


def migrated(home: Path) -> None:
    """Begin with that database in the folder *home* of Prefect, if there is one already."""
    kept = _kept(home)
    if kept is not None and kept.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(kept, home / _NAME)


def keep_migrated(home: Path) -> None:
    """Keep the database of *home*, whose server has just begun to answer and was asked for nothing yet."""
    kept = _kept(home)
    if kept is not None and not kept.exists():
        beside = kept.with_suffix(f".{os.getpid()}")
        _copy(home / _NAME, beside)
        beside.replace(kept)


def _kept(home: Path) -> Path | None:
    """In the folder that all workers of this run of pytest share; ``None`` if *home* is in no such folder."""
    shared = next((one for one in home.parents if re.fullmatch(r"pytest-\d+", one.name)), None)
    return None if shared is None else shared / "migrated-prefect.db"


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
