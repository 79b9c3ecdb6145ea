"""The advisory database: one SQLite file, read only, replaced as a whole.

It is built in another file, synced and renamed, so that readers see either the old file or the new one, never a half. A lock
file prevents that two imports at once lose an ecosystem.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from arcops.errors import Refused, Unavailable
from arcops.seen.vulnerabilities import Vulnerabilities
from artifacts.private_folder import make_private

NAME = "osv.sqlite"
FORMAT = 5
"""Must be increased if the tables change, or what is done at import: names are folded, releases read, versions compared."""

_TABLES = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE ecosystem (
    name TEXT PRIMARY KEY, dated TEXT, imported TEXT NOT NULL, sha256 TEXT NOT NULL,
    advisories INTEGER NOT NULL, withdrawn INTEGER NOT NULL, unreadable INTEGER NOT NULL
) STRICT;
CREATE TABLE affected (
    ecosystem TEXT NOT NULL, package TEXT NOT NULL, advisory TEXT NOT NULL, entry INTEGER NOT NULL, release TEXT NOT NULL,
    aliases TEXT NOT NULL, vector TEXT NOT NULL, score INTEGER, ranges TEXT NOT NULL, versions TEXT NOT NULL,
    enumerated INTEGER NOT NULL, module TEXT NOT NULL, PRIMARY KEY (ecosystem, package, advisory, entry)
) STRICT, WITHOUT ROWID;
CREATE TABLE unreadable (
    ecosystem TEXT NOT NULL, package TEXT NOT NULL, member TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (ecosystem, package, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE artifact (
    ecosystem TEXT NOT NULL, artifact TEXT NOT NULL, package TEXT NOT NULL, PRIMARY KEY (ecosystem, artifact, package)
) STRICT, WITHOUT ROWID;
CREATE TABLE release (
    ecosystem TEXT NOT NULL, release TEXT NOT NULL, PRIMARY KEY (ecosystem, release)
) STRICT, WITHOUT ROWID;
"""
_COPIED = {
    "ecosystem": "name",
    "affected": "ecosystem",
    "unreadable": "ecosystem",
    "artifact": "ecosystem",
    "release": "ecosystem",
}


@contextmanager
def replacing(data: Path) -> Iterator[sqlite3.Connection]:
    """A new, empty database that replaces the one in *data* if the block ends without an error; else it is deleted.

    Raises `Unavailable` if the disk or another import prevents it.
    """
    try:
        make_private(data)
        with _locked(data):
            for stale in data.glob(
                ".osv-*.part"
            ):  # left by an import that was killed; the lock shows that no import is running
                stale.unlink(missing_ok=True)
            descriptor, name = tempfile.mkstemp(dir=data, prefix=".osv-", suffix=".part")
            os.fchmod(descriptor, 0o644)  # public data: every user who may enter the directory may read it
            os.close(descriptor)
            part = Path(name)
            try:
                with closing(sqlite3.connect(part, isolation_level=None, uri=True)) as connection:
                    # A crash loses only this unfinished file, so SQLite's own journal would not help.
                    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
                    connection.execute("BEGIN")
                    yield connection
                    connection.execute("COMMIT")
                _sync(part)
                part.replace(data / NAME)
                _sync(data)
            finally:
                part.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"{data / NAME} cannot be written ({error}); the old database there is unchanged") from error


def keep_others(connection: sqlite3.Connection, data: Path, replaced: str) -> tuple[str, ...]:
    """Copy every ecosystem except *replaced* from the present database, if there is a valid one.

    Nothing is copied from a database of an older format; its other ecosystems are returned, because they must be imported
    again.
    """
    if not (data / NAME).exists():
        return ()
    if (older := _older(data / NAME)) is not None:
        return tuple(name for name in older if name != replaced)
    with closing(reading(data)):
        pass  # refuses a database that cannot be copied, before anything is built from it
    connection.execute("COMMIT")
    connection.execute("ATTACH ? AS old", (_uri(data / NAME),))
    connection.execute("BEGIN")
    for table, column in _COPIED.items():
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table} WHERE {column} <> ?", (replaced,))  # noqa: S608  # names from the constant above
    connection.execute("COMMIT")
    connection.execute("DETACH old")
    connection.execute("BEGIN")
    return ()


def _older(path: Path) -> tuple[str, ...] | None:
    """The ecosystems in the database at *path*; ``None`` unless it is of an older format."""
    with closing(sqlite3.connect(_uri(path), uri=True)) as connection, suppress(sqlite3.Error):
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if 0 < found < FORMAT:
            return tuple(str(name) for (name,) in connection.execute("SELECT name FROM ecosystem ORDER BY name"))
    return None


def reading(data: Path) -> sqlite3.Connection:
    """A read-only connection whose schema ``osv`` is the database in *data*.

    Raises `Refused` if there is no database, or one that this version does not read.
    """
    path = data / NAME
    if not path.is_file():
        raise Refused(
            f"{Vulnerabilities.NONE}: {path} does not exist; run 'arcops data import FILE' with an OSV ecosystem export"
        )
    connection = sqlite3.connect(":memory:", uri=True, isolation_level=None)
    try:
        connection.execute("ATTACH ? AS osv", (_uri(path),))
        (found,) = connection.execute("PRAGMA osv.user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise damaged(path, error) from error
    if found != FORMAT:
        connection.close()
        raise Refused(
            f"{path} has format {found}, but this version reads format {FORMAT}; import the data again: arcops data import FILE"
        )
    return connection


def damaged(path: Path, error: sqlite3.Error) -> Refused:
    return Refused(f"{path} cannot be read as an advisory database ({error}); delete it and import the advisory data again")


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    with (data / "osv.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_UN)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
