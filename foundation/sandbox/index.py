"""The index of what was written for callers: each file by its path below the output folder, with its owner and its digest.

It is a SQLite file of this host, beside the data. It says what was written and never replaces a look at the file itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Unavailable
from artifacts.private_folder import make_private

_TABLE = """
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, owner TEXT NOT NULL, tool TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    inode INTEGER NOT NULL, changed INTEGER NOT NULL, written INTEGER NOT NULL
) STRICT
"""
_COLUMNS = "path, owner, tool, size, sha256, inode, changed, written"
_BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A file that *tool* wrote for *owner*. ``inode`` and ``changed`` (nanoseconds) are those of the file when it was written,
    and ``written`` is the moment in milliseconds since 1970.
    """

    path: str
    owner: str
    tool: str
    size: int
    sha256: str
    inode: int
    changed: int
    written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIndex:
    """The index in the file *path*, which is made, private, when something is written. Methods raise `Unavailable`."""

    path: Path

    def record(self, one: Filed) -> None:
        """Put *one* into the index, in place of what was at its path."""
        values = (one.path, one.owner, one.tool, one.size, one.sha256, one.inode, one.changed, one.written)
        with self._open(make=True) as database, database:
            database.execute(f"INSERT OR REPLACE INTO file ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608

    def of(self, owner: str, begun: str = "", most: int = 1000) -> tuple[Filed, ...]:
        """At most *most* files of *owner* whose paths begin with *begun*, by path."""
        query = f"SELECT {_COLUMNS} FROM file WHERE owner = ? AND substr(path, 1, ?) = ? ORDER BY path LIMIT ?"  # noqa: S608
        with self._open() as database:
            return tuple(_filed(row) for row in database.execute(query, (owner, len(begun), begun, most)))

    def find(self, owner: str, path: str) -> Filed | None:
        """The file of *owner* at *path*."""
        with self._open() as database:
            query = f"SELECT {_COLUMNS} FROM file WHERE owner = ? AND path = ?"  # noqa: S608
            row = database.execute(query, (owner, path)).fetchone()
        return _filed(row) if row is not None else None

    def drop(self, owner: str, path: str) -> None:
        """Take the file of *owner* at *path* out of the index."""
        with self._open() as database, database:
            database.execute("DELETE FROM file WHERE owner = ? AND path = ?", (owner, path))

    def totals(self, owner: str) -> tuple[int, int]:
        """How many files *owner* has, and how many bytes they have in all."""
        with self._open() as database:
            count, size = database.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM file WHERE owner = ?", (owner,)
            ).fetchone()
        return int(count), int(size)

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if make:
                make_private(self.path.parent)
            there = make or self.path.exists()
            with closing(sqlite3.connect(self.path if there else ":memory:", timeout=_BUSY_SECONDS)) as database:
                if there:
                    database.execute("PRAGMA journal_mode = WAL")
                database.execute(_TABLE)
                yield database
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"the index of files that were written for callers cannot be used ({type(error).__name__})"
            ) from error


def _filed(row: tuple[str, str, str, int, str, int, int, int]) -> Filed:
    path, owner, tool, size, sha256, inode, changed, written = row
    return Filed(path=path, owner=owner, tool=tool, size=size, sha256=sha256, inode=inode, changed=changed, written=written)
