"""The file of the store's index: opened if it is one, else put in place again, in one step.

It is one file, with SQLite's rollback journal beside it only during a write, and all writers hold the store's lock. So the
process that holds the lock may put another file in its place. Nothing waits for the disk: after a power cut it is made again.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from arcops.errors import Unavailable
from artifacts.writing import PARTIAL, new_partial

VERSION = 5
BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE done (entries INTEGER NOT NULL, bytes INTEGER NOT NULL, peaks BLOB NOT NULL, chain BLOB NOT NULL);
INSERT INTO done VALUES (0, 0, x'', x'');
CREATE TABLE entry (
    position INTEGER PRIMARY KEY, artifact TEXT NOT NULL, at TEXT NOT NULL, predicate TEXT NOT NULL, subject TEXT NOT NULL,
    verdict TEXT NOT NULL, policy TEXT NOT NULL, judged TEXT NOT NULL, until TEXT NOT NULL, site TEXT NOT NULL,
    kind TEXT NOT NULL
);
CREATE INDEX entry_artifact ON entry (artifact);
CREATE INDEX entry_subject ON entry (subject, kind, position);
CREATE INDEX entry_site ON entry (site, position);
CREATE TABLE named (digest TEXT NOT NULL, position INTEGER NOT NULL REFERENCES entry);
CREATE INDEX named_digest ON named (digest, position);
CREATE INDEX named_position ON named (position, digest);
CREATE TABLE gate (
    position INTEGER NOT NULL REFERENCES entry, gate TEXT NOT NULL, verdict TEXT NOT NULL, PRIMARY KEY (position, gate)
) WITHOUT ROWID;
CREATE INDEX gate_verdict ON gate (gate, verdict, position);
"""
_COMMANDS = tuple(one.strip().rstrip(";") for one in _TABLES.strip().split(";\n"))
_BESIDE = ("-journal", "-wal", "-shm")
_NO_DAMAGE = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL}
)
"""What SQLite says if nothing is wrong with the file, and another process or the machine is in the way."""

Identity = tuple[int, ...]


class Damaged(Unavailable):
    """The index cannot be used, so it has to be made again. ``why`` is empty if there simply is no file; ``seen`` is which file
    it was, as `identity` says it.
    """

    def __init__(self, path: Path, why: str, seen: Identity) -> None:
        super().__init__(f"the store's index {path} cannot be used: {why or 'there is no file'}")
        self.why = why
        self.seen = seen


def identity(path: Path) -> Identity:
    """Which file is at *path*; empty if there is no file."""
    try:
        seen = os.lstat(path)
    except OSError:
        return ()
    return (seen.st_dev, seen.st_ino)


@contextmanager
def told(path: Path, seen: Identity) -> Iterator[None]:
    """Every error of SQLite as `Damaged`, or as `Unavailable` if the file is not what is wrong."""
    try:
        yield
    except sqlite3.ProgrammingError as error:  # a fault of ours
        raise Unavailable(f"the store's index {path} cannot be used: {error}") from error
    except UnicodeDecodeError as error:  # the driver cannot even say it: a name in the file is no text
        raise Damaged(path, "it holds text that is not UTF-8", seen) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _NO_DAMAGE:
            raise Unavailable(f"the store's index {path} cannot be used: {error}") from error
        raise Damaged(path, str(error), seen) from error


def opened(path: Path) -> sqlite3.Connection:
    """The index in the file *path*. Raises `Damaged` if it is not there, or is not an index."""
    seen = identity(path)
    with told(path, seen):
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise Damaged(path, "it is not a regular file", seen)
        except FileNotFoundError:
            raise Damaged(path, "", seen) from None
        database = _connected(path)
        try:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            found = {sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
            if version != VERSION or found != {one for one in _COMMANDS if one.startswith("CREATE")}:
                raise Damaged(path, "its tables are not those of this version of ArcOps", seen)
        except BaseException:
            database.close()
            raise
    return database


def begun(path: Path | None) -> sqlite3.Connection:
    """An empty index in the new file *path*, or in memory. Raises `OSError` or an error of SQLite."""
    if path is not None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    database = _connected(path)
    try:
        for command in ("BEGIN", *_COMMANDS, f"PRAGMA user_version = {VERSION}", "COMMIT"):
            database.execute(command)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def in_place_of(path: Path) -> Iterator[Path]:
    """A name for a new file, which takes the place of whatever is at *path* if all went well. The caller holds the lock.

    A folder at *path* or beside it, which someone made, is moved aside if it is not empty. Raises `OSError`.
    """
    new = path.with_name(new_partial())
    try:
        yield new
        for beside in _BESIDE:  # SQLite would take them for those of the new file
            _put_away(path.with_name(f"{path.name}{beside}"))
        if path.is_dir() and not path.is_symlink():
            _put_away(path)
        new.replace(path)
    finally:
        for left in (new, new.with_name(f"{new.name}-journal")):
            left.unlink(missing_ok=True)


def _put_away(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        path.rmdir()
    except OSError:
        path.rename(path.with_name(f"{path.name}-{new_partial().removeprefix(PARTIAL)}"))


def _connected(path: Path | None) -> sqlite3.Connection:
    """The database in *path*, which must exist, or one in memory."""
    name = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw" if path is not None else ":memory:"
    made = sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        made.execute("PRAGMA synchronous=OFF")
    except BaseException:
        made.close()
        raise
    return made
