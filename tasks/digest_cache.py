"""Digests that need no second reading: kept by a file's identity, and believed only where nothing could have changed unseen.

An entry counts when device, inode, size, mtime and ctime are what they were. A change in the same clock tick as the hashing
would leave them alike, so a file that was touched less than two seconds before it was hashed is not kept (the "racy" problem
that git's index has). ctime cannot be set back by its owner, which is what makes a forged mtime show. What this can't see:
whoever can write to the raw disk or set the system's clock back. The cache belongs to one user; one that others may write is
not used.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from arcops.errors import Refused
from arcops.seen.content import Content
from artifacts.wire import from_json, to_json

_QUIET_NS = 2_000_000_000
_TABLE = """CREATE TABLE IF NOT EXISTS digests (
    path BLOB PRIMARY KEY, version TEXT, device INTEGER, inode INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER,
    sha256 TEXT, content TEXT)"""
_KNOWN = """SELECT sha256, content FROM digests
    WHERE path = ? AND version = ? AND device = ? AND inode = ? AND size = ? AND mtime = ? AND ctime = ?"""


class DigestCache:
    """The cache in the file *path* for collectors of *version*. A cache that cannot be used is as good as an empty one."""

    def __init__(self, path: Path, *, version: str) -> None:
        self._path = path
        self._version = version
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> DigestCache:
        with suppress(OSError, sqlite3.Error):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _ours_alone(self._path):
                return self
            try:
                self._open()
            except sqlite3.DatabaseError:
                self._path.unlink()
                self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.commit()
            self._database.close()

    def _open(self) -> None:
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)):
            pass
        self._database = sqlite3.connect(self._path, timeout=5, check_same_thread=False)
        self._database.execute(_TABLE)
        self._database.execute("PRAGMA synchronous = OFF")

    def get(self, path: Path, status: os.stat_result) -> tuple[str, Content] | None:
        """The digest and content of the file with this *status*, where both are certain."""
        if self._database is None:
            return None
        try:
            with self._lock:
                row = self._database.execute(_KNOWN, (*self._key(path), *_identity(status))).fetchone()
            if row is None or not isinstance(row[0], str) or len(row[0]) != 64:
                return None
            return row[0], from_json(Content, row[1])
        except (sqlite3.Error, Refused):
            return None

    def put(self, path: Path, status: os.stat_result, sha256: str, content: Content) -> None:
        """Remember what was read, unless the file is too young to tell a later change from it."""
        if self._database is None or time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _QUIET_NS:
            return
        row = (*self._key(path), *_identity(status), sha256, json.dumps(to_json(content)))
        with self._lock, suppress(sqlite3.Error):
            self._database.execute("INSERT OR REPLACE INTO digests VALUES (?,?,?,?,?,?,?,?,?)", row)

    def _key(self, path: Path) -> tuple[bytes, str]:
        return os.fsencode(path), self._version


def _identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    # SQLite's integers are signed; device and inode numbers may use all 64 bits.
    return status.st_dev % 2**63, status.st_ino % 2**63, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _ours_alone(path: Path) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return True
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
