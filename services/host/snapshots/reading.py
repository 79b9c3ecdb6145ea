"""The configuration as it is now: rows and tables of the database, in one look, and the operator's files."""

from __future__ import annotations

import json

from sqlalchemy import Connection, Table, select

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.host_snapshot import HostConfiguration, HostSurroundings, SnapshotServer, SnapshotTable
from artifacts.json_values import JSON
from artifacts.objects import digest_of
from artifacts.reading import read_file
from artifacts.wire import from_json
from foundation.database.engine import Database
from foundation.database.tables import HOSTED, HOSTED_ALLOWED, HOSTED_LOCKS, HOSTED_QUOTAS, HOSTED_SHARES, HOSTED_VERSIONS
from foundation.settings import Settings
from services.host.snapshots.places import MOST_BYTES, read_files
from services.host.spec import Spec

TABLES: tuple[Table, ...] = (HOSTED_ALLOWED, HOSTED_QUOTAS, HOSTED_SHARES)
"""Tables that are configuration as a whole. A row has texts and numbers only, and no secret."""


def configuration(database: Database | None, settings: Settings) -> HostConfiguration:
    """What *database*, if there is one, and the operator's files say now. Raises `Refused` if a row holds what looks like a
    secret.
    """
    if database is None:
        none = tuple(SnapshotTable(name=one.name, rows=()) for one in TABLES)
        return HostConfiguration(servers=(), files=read_files(settings), tables=none)
    with database.reading() as connection:
        servers = servers_in(connection)
        tables = tuple(_table(connection, one) for one in TABLES)
    for one in servers:
        refuse_secret(one.name, from_json(Spec, one.spec))
    return HostConfiguration(servers=servers, files=read_files(settings), tables=tables)


def servers_in(connection: Connection) -> tuple[SnapshotServer, ...]:
    """Each row with its current version, in the order of names."""
    version = (HOSTED_VERSIONS.c.name == HOSTED.c.name) & (HOSTED_VERSIONS.c.version == HOSTED.c.version)
    lock = (HOSTED_LOCKS.c.name == HOSTED.c.name) & (HOSTED_LOCKS.c.version == HOSTED.c.version)
    asked = (
        select(HOSTED, HOSTED_VERSIONS.c.spec, HOSTED_LOCKS.c.lock).join(HOSTED_VERSIONS, version).outerjoin(HOSTED_LOCKS, lock)
    )
    return tuple(
        sorted(
            (
                SnapshotServer(name=one.name, owner=one.owner, enabled=bool(one.enabled), spec=one.spec, lock=one.lock or "")
                for one in connection.execute(asked).all()
            ),
            key=lambda one: one.name,
        )
    )


def _table(connection: Connection, table: Table) -> SnapshotTable:
    rows = [canonical(_row(dict(one._mapping))).decode() for one in connection.execute(select(table)).all()]
    return SnapshotTable(name=table.name, rows=tuple(sorted(rows)))


def _row(row: dict[str, JSON]) -> JSON:
    return row


def refuse_secret(name: str, spec: Spec) -> None:
    """Raise `Refused` if a value of the row *name* looks like a secret: a snapshot is read by others. The value is not said."""
    from gates.client.client_configuration.names import named_secret
    from gates.client.client_configuration.secrets import secret_in

    named = [("--env", one) for one in spec.environment] + [("--bind", one) for one in spec.bound]
    for option, text in named:
        variable, _, value = text.partition("=")
        if (value and named_secret(variable, value)) or secret_in(value):
            raise Refused(
                f"{option} {variable[:80]} of the server {name} holds what looks like a secret, and a snapshot has none: give "
                f"it as --secret {variable[:80]}=REFERENCE"
            )
    for one in spec.arguments:
        if secret_in(one):
            raise Refused(
                f"an argument of the server {name} holds what looks like a secret, and a snapshot has none: give it as "
                "--secret NAME=REFERENCE"
            )


def surroundings(settings: Settings) -> HostSurroundings:
    """Where this host stands by its *settings*."""
    authorities = ""
    if settings.host_authorities:
        from pathlib import Path

        authorities = digest_of(read_file(Path(settings.host_authorities), MOST_BYTES))
    return HostSurroundings(
        tier=settings.tier.value,
        public_url=settings.public_url,
        address=settings.host_address,
        endpoints=tuple(sorted(settings.endpoints)),
        policy=settings.hosted_policy,
        key=settings.host_key,
        database_password=settings.database_password,
        authorities=authorities,
    )


def differences(before: HostConfiguration, after: HostConfiguration) -> tuple[str, ...]:
    """What is other in *after* than in *before*, one line each: what is added, removed or changed, never a value."""
    lines: list[str] = []
    pairs: list[tuple[str, dict[str, object], dict[str, object]]] = [
        ("server", {one.name: one for one in before.servers}, {one.name: one for one in after.servers}),
        (
            "file",
            {f"{one.place}/{one.name}": one for one in before.files},
            {f"{one.place}/{one.name}": one for one in after.files},
        ),
    ]
    for table in sorted({one.name for one in (*before.tables, *after.tables)}):
        pairs.append((f"row of {table}", _keyed(before, table), _keyed(after, table)))
    for what, old, new in pairs:
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                how = "added" if key not in old else "removed" if key not in new else "changed"
                lines.append(f"{what} {key}: {how}")
    return tuple(lines)


def _keyed(configuration: HostConfiguration, table: str) -> dict[str, object]:
    """The rows of *table* by the values of their primary key."""
    known = next((one for one in TABLES if one.name == table), None)
    keys = [one.name for one in known.primary_key.columns] if known is not None else []
    found = (json.loads(row) for one in configuration.tables if one.name == table for row in one.rows)
    return {" ".join(str(row[key]) for key in keys): row for row in found}
