"""Copy everything to another database, such as from a file to a PostgreSQL server when a second host comes.

The copy is one transaction of the target, and what it then holds is compared with the source, row by row, before it is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, insert, select, text

from arcops.errors import Refused, Unavailable
from artifacts.canonical import canonical
from foundation.database import catalog_words
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.database.migrating import migrate, schema
from foundation.database.tables import METADATA

_BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many rows of a table were copied."""

    table: str
    rows: int


def counts(database: Database) -> tuple[Moved, ...]:
    """How many rows each table has. The schema must be this version's."""
    with database.reading() as connection:
        return tuple(Moved(table=one.name, rows=_count(connection, one)) for one in METADATA.sorted_tables)


def move(source: Database, target: Database) -> tuple[Moved, ...]:
    """Copy every row of *source* into *target*, which must be empty; *source* stays as it is.

    Raises `Refused` if *target* has rows, if *source* is not of this version's schema, or if someone holds a lease there and so
    still works with it. Nothing can be written to *source* meanwhile.
    """
    if source.address == target.address:
        raise Refused(f"{source.shown} is the database itself; name another one")
    before = schema(source)
    if not before.current:
        raise Refused(f"the database {source.shown} has not this version's schema; run 'arcops database migrate' first")
    with source.writing() as reads:
        if source.kind == "postgresql":
            reads.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            reads.execute(text(f"LOCK TABLE {', '.join(one.name for one in METADATA.sorted_tables)} IN SHARE MODE"))
        if held := Leases(source, "move").held():
            one = held[0]
            raise Refused(
                f"{one.holder} holds the lease {one.name!r} for {one.seconds:.0f} more seconds, so it works with the database "
                f"{source.shown}; stop every host first"
            )
        migrate(target)
        with target.writing() as writes:
            for table in METADATA.sorted_tables:
                if rows := _count(writes, table):
                    raise Refused(
                        f"the database {target.shown} is not empty: {table.name} has {rows:,} rows; nothing was copied. "
                        "Name an empty one"
                    )
            moved = tuple(_copied(reads, writes, table) for table in METADATA.sorted_tables)
            catalog_words.rebuild(writes)
            for table in METADATA.sorted_tables:
                if _summary(reads, table) != _summary(writes, table):
                    raise Unavailable(f"the copy of {table.name} differs from what was read, so nothing was copied; try again")
    return moved


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _copied(reads: Connection, writes: Connection, table: Table) -> Moved:
    count = 0
    for rows in reads.execute(select(table)).partitions(_BATCH):
        writes.execute(insert(table), [dict(row._mapping) for row in rows])
        count += len(rows)
    return Moved(table=table.name, rows=count)


def _summary(connection: Connection, table: Table) -> tuple[int, bytes]:
    """The number of rows, and a digest of all of them that does not depend on how a database sorts text."""
    count, total = 0, 0
    for row in connection.execute(select(table)):
        values = [value.hex() if isinstance(value, (bytes, memoryview)) else value for value in row]
        total = (total + int.from_bytes(hashlib.sha256(canonical(values)).digest())) % 2**256
        count += 1
    return count, total.to_bytes(32)
