"""Restoring a configuration: whole, or not at all, also if the process is killed in the middle.

First everything is read and checked. Then the new files are written where they wait, and a journal says so. Then one
transaction of the database changes all rows and notes the restore: this decides. Then the files take their places. A process
that is killed before the transaction leaves everything as it was; after it, the next one who looks (`finished`) lets the files
take their places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from artifacts.host_snapshot import HostConfiguration, SnapshotFile, content_of
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.wire import canonical_bytes, from_json
from artifacts.writing import replace_whole
from foundation.database.engine import Database
from foundation.database.host_tables import HOST_RESTORES
from foundation.database.tables import HOSTED, HOSTED_VERDICTS
from foundation.only_one import only_one
from foundation.settings import Settings
from services.host.lock import Lock
from services.host.reserved import refuse_reserved
from services.host.snapshots.places import MOST_BYTES, MOST_FILES, places, stage, take_over, unstage
from services.host.snapshots.reading import TABLES, refuse_secret, servers_in
from services.host.spec import Spec, checked
from services.host.versions import add_version

_JOURNAL = "restoring.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A restore that has begun: its id in the database, and the files that take their places if it is there."""

    id: str
    files: tuple[SnapshotFile, ...]


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Inside, no other process of this machine restores. Raises `Refused` if one does."""
    with only_one(settings.hosted, "host restore"):
        yield


def refuse_wrong(configuration: HostConfiguration, settings: Settings) -> None:
    """Raise `Refused` with the first thing in *configuration* that could not be configured here."""
    names = [one.name for one in configuration.servers]
    if len(set(names)) != len(names):
        raise Refused("the snapshot names a server twice")
    for server in configuration.servers:
        refuse_reserved(server.name)
        refuse_secret(server.name, checked(from_json(Spec, server.spec)))
        if server.lock:
            from_json(Lock, server.lock)
    known = {one.name: {each.name for each in one.columns} for one in TABLES}
    for table in configuration.tables:
        columns = known.get(table.name)
        if columns is None:
            raise Refused(f"the snapshot has the table {table.name[:80]!r}, which is not configuration in this version")
        for row in table.rows:
            if set(json.loads(row)) != columns:
                raise Refused(f"a row of {table.name} in the snapshot has other columns than this version's")
    if missing := sorted(known.keys() - {one.name for one in configuration.tables}):
        raise Refused(f"the snapshot lacks the table {missing[0]}; another version of ArcOps made it")
    there = places(settings)
    if len(configuration.files) > MOST_FILES:
        raise Refused(f"the snapshot has more than {MOST_FILES} files")
    for file in configuration.files:
        if file.place not in there or file.name.startswith(".") or "/" in file.name or "\0" in file.name or not file.name:
            raise Refused(
                f"the snapshot has the file {file.name[:80]!r} in {file.place[:40]!r}, which is no place of such a file"
            )
        if len(file.text.encode()) > MOST_BYTES:
            raise Refused(f"the snapshot's file {file.name[:80]!r} is too large")


def restored(
    id_: str, configuration: HostConfiguration, *, artifact: str, author: str, database: Database, settings: Settings
) -> None:
    """Restore *configuration*, which was checked, as *id_*. Call it `alone`, after `finished`.

    Raises `Unavailable`, with nothing changed, if the disk or the database does not allow it.
    """
    try:
        stage(configuration.files, settings)
        make_private(settings.hosted)
        replace_whole(_journal(settings), canonical_bytes(Journal(id=id_, files=configuration.files)), mode=0o600)
        with database.writing() as connection:
            _rows(connection, database, configuration, author)
            now = literal_column(database.clock, BigInteger)
            values = {"id": id_, "content": content_of(configuration), "artifact": artifact, "author": author, "began": now}
            connection.execute(insert(HOST_RESTORES).values(values))
    except BaseException:
        finished(database, settings)  # a commit whose answer was lost counts
        raise
    finished(database, settings)


def finished(database: Database, settings: Settings) -> str:
    """End a restore that was cut off: forward if the database has it, else back. Returns its id if it went forward, else ''.

    Call it `alone`. Raises `Unavailable` if the files cannot take their places now.
    """
    path = _journal(settings)
    if not path.exists():
        unstage(settings)
        return ""
    journal = from_json(Journal, read_file(path, MOST_BYTES * MOST_FILES))
    with database.reading() as connection:
        there = connection.execute(select(HOST_RESTORES.c.id).where(HOST_RESTORES.c.id == journal.id)).one_or_none() is not None
    if there:
        take_over(journal.files, settings)
    unstage(settings)
    path.unlink()
    return journal.id if there else ""


def cut_off(settings: Settings) -> bool:
    """Is there a restore that did not end?"""
    return _journal(settings).exists()


def _journal(settings: Settings) -> Path:
    return settings.hosted / _JOURNAL


def _rows(connection: Connection, database: Database, configuration: HostConfiguration, author: str) -> None:
    """Make the rows those of *configuration*. A row that differs gets a new version; its history stays."""
    now = literal_column(database.clock, BigInteger)
    there = {one.name: one for one in servers_in(connection)}
    wanted = {one.name: one for one in configuration.servers}
    for name in there.keys() - wanted.keys():
        connection.execute(delete(HOSTED).where(HOSTED.c.name == name))
        connection.execute(delete(HOSTED_VERDICTS).where(HOSTED_VERDICTS.c.name == name))
    for name, one in wanted.items():
        before = there.get(name)
        values: dict[str, object] = {"owner": one.owner, "enabled": int(one.enabled), "changed": now}
        if before is None or (before.spec, before.lock) != (one.spec, one.lock):
            values["version"] = add_version(
                connection, database, name, spec=one.spec, lock=one.lock, author=author, counts=True
            )
        if before is None:
            connection.execute(insert(HOSTED).values(name=name, generation=0, **values))
        else:
            connection.execute(update(HOSTED).where(HOSTED.c.name == name).values(**values))
    for table in TABLES:
        connection.execute(delete(table))
        rows = [json.loads(row) for kept in configuration.tables if kept.name == table.name for row in kept.rows]
        if rows:
            connection.execute(insert(table), rows)
