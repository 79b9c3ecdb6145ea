"""The rows of a database as bytes, a table in several parts, and back into a database: for a backup.

The tables are those that the database has, so one of an older schema is dumped as it is. It is loaded into tables of that
schema, compared, and then brought to this version's, all in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.typed import JSON
from foundation.database import catalog_words
from foundation.database.migrating import climb
from foundation.database.tables import PREFIX, SESSIONS, VERSION_TABLE

LEFT_OUT = SESSIONS.name
"""People log in again after a restore: else one who had logged out since would be in again."""
_MOST_ROWS, _MOST_BYTES = 10_000, 4 * 1024 * 1024
_WORDS = f"{PREFIX}catalog_words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows of a table, each as canonical JSON in which bytes are an object with their hex."""

    table: str
    rows: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """The rows as one JSON list."""
        return b"[%s]" % b",".join(self.rows)

    @classmethod
    def read(cls, table: str, data: bytes) -> Rows:
        """What `data` got. Raises `Refused` if it is something else."""
        found = strict_json(data, f"the rows of {table}")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Refused(f"the rows of {table} in the backup are not rows")
        return cls(table=table, rows=tuple(canonical(one) for one in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """How many rows a table has, and a digest in hex over all of them, in any order."""

    table: str
    rows: int
    digest: str


class Summing:
    """Sums the rows that it is shown."""

    def __init__(self, tables: Iterable[str] = ()) -> None:
        self._sums = dict.fromkeys(tables, (0, 0))

    def add(self, part: Rows) -> None:
        """Take the rows of *part* into account."""
        count, total = self._sums.get(part.table, (0, 0))
        for row in part.rows:
            total += int.from_bytes(hashlib.sha256(row).digest())
        self._sums[part.table] = (count + len(part.rows), total % 2**256)

    @property
    def sums(self) -> tuple[Summed, ...]:
        """Each table's, in the order of names."""
        return tuple(
            Summed(table=name, rows=count, digest=total.to_bytes(32).hex())
            for name, (count, total) in sorted(self._sums.items())
        )


def revision_of(connection: Connection) -> str:
    """The revision of the schema; empty without tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one())  # noqa: S608  # a constant


def tables_of(connection: Connection) -> tuple[str, ...]:
    """The names of the tables that are dumped."""
    return tuple(one.name for one in _tables(connection))


def dumped(connection: Connection) -> Iterator[Rows]:
    """The rows of every table, a part at a time."""
    for table in _tables(connection):
        found: list[bytes] = []
        size = 0
        for row in connection.execute(select(table)):
            found.append(canonical({name: _out(value) for name, value in row._mapping.items()}))
            size += len(found[-1])
            if size >= _MOST_BYTES or len(found) == _MOST_ROWS:
                yield Rows(table=table.name, rows=tuple(found))
                found, size = [], 0
        if found:
            yield Rows(table=table.name, rows=tuple(found))


def load(
    connection: Connection, revision: str, parts: Iterable[Rows], meant: Iterable[Summed], *, forward: bool = True
) -> None:
    """Make the tables those of *parts*, which are of the schema *revision* and *meant* to have these digests; then migrate,
    unless the schema is not to go *forward*.

    What was there before is gone. It is one transaction of the caller. Raises `Refused` if the rows are not what is meant.
    """
    if revision_of(connection) == revision:
        for table in _tables(connection, every=True)[::-1]:
            connection.execute(table.delete())
    else:
        _drop(connection)
        climb(connection, revision)
    tables = {one.name: one for one in _tables(connection)}
    for part in parts:
        if part.table not in tables:
            raise Refused(f"the backup has the table {part.table[:100]!r}, which the schema {revision} does not have")
        table = tables[part.table]
        connection.execute(insert(table), [_row(one, table) for one in part.rows])
    found = Summing(tables)
    for part in dumped(connection):
        found.add(part)
    wanted = {one.table: one for one in meant}
    for one in found.sums:
        if wanted.get(one.table) != one:
            raise Refused(f"the rows of {one.table} are not those that the backup says it has")
    if forward:
        climb(connection)
    if inspect(connection).has_table(_WORDS):
        catalog_words.rebuild(connection)


def is_empty(connection: Connection) -> bool:
    """Has no table a row?"""
    return all(connection.execute(select(table).limit(1)).first() is None for table in _tables(connection, every=True))


def _tables(connection: Connection, *, every: bool = False) -> list[Table]:
    """The tables that hold what cannot be made again, each after those that it refers to; sessions too, if *every*."""
    names = {
        one
        for one in inspect(connection).get_table_names()
        if one.startswith(PREFIX) and one != VERSION_TABLE and not one.startswith(_WORDS) and (every or one != LEFT_OUT)
    }
    known = MetaData()
    known.reflect(connection, only=sorted(names))
    return [one for one in known.sorted_tables if one.name in names]


def _drop(connection: Connection) -> None:
    for name in inspect(connection).get_table_names():
        if name == _WORDS or (name.startswith(PREFIX) and not name.startswith(_WORDS)):
            connection.execute(text(f"DROP TABLE {name}"))


def _out(value: Any) -> JSON:
    """What a database holds is text, numbers and bytes."""
    return {"bytes": bytes(value).hex()} if isinstance(value, bytes | memoryview) else value


def _row(data: bytes, table: Table) -> dict[str, object]:
    row = strict_json(data, f"a row of {table.name}")
    if not isinstance(row, dict) or set(row) != {one.name for one in table.columns}:
        raise Refused(f"a row of {table.name} in the backup has other columns than its schema")
    try:
        return {name: bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value for name, value in row.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"a row of {table.name} in the backup cannot be understood") from error
