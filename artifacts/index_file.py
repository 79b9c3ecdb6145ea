"""Is the index's file still the one that was read? By what the file system says of it, so that a server need not read it again.

A change within the last moments may not show in a file's times, as Git's documentation says of its own index
(``racy-git``). So a file counts as the same only if it was already older than `_SETTLED` when it was read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SETTLED = 2 * 10**9
"""Nanoseconds."""
_MOST = 64

Identity = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Known:
    """``same`` says that the file is one that was found good; otherwise the reader sets ``good``."""

    same: bool
    good: bool = False


class Unchanged:
    """Files of databases that were found good, by their path."""

    def __init__(self) -> None:
        self._good: dict[str, Identity] = {}

    @contextmanager
    def same(self, path: Path) -> Iterator[Known]:
        """Is the database at *path* one that was found good? If not, the block reads it, and says whether it is good."""
        name = os.path.realpath(path)
        before = _identity(name)
        known = Known(same=before is not None and self._good.get(name) == before)
        yield known
        if known.good and before is not None and before == _identity(name) and _settled(before):
            if len(self._good) >= _MOST:
                self._good.clear()
            self._good[name] = before


def _identity(name: str) -> Identity | None:
    """What changes if the database's file, or the log beside it that is not yet in it, is written; ``None`` if unknown."""
    try:
        main = Path(name).stat()
        try:
            beside = Path(f"{name}-wal").stat()
        except FileNotFoundError:
            return (_values(main),)
    except OSError:
        return None
    return (_values(main), _values(beside)) if beside.st_size else (_values(main),)


def _values(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _settled(identity: Identity) -> bool:
    newest = max(max(values[-2:]) for values in identity)
    return newest < time.time_ns() - _SETTLED
