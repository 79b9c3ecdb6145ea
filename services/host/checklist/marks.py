"""What people marked as done on the checklist of a server's version, in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, literal_column, select
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.host_tables import CHECKLIST

LEAST_NOTE, MOST_NOTE = 8, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMark:
    """A mark; ``evidence`` is the digest of an artifact, or empty, and ``made`` in milliseconds since 1970."""

    item: str
    evidence: str
    note: str
    author: str
    made: int


class Marks:
    """The marks in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, version: int, item: str, note: str, *, evidence: str = "", author: str) -> KeptMark:
        """Mark *item*, instead of a mark that was there for this version. Raises `Refused` without a note that says
        something.
        """
        if not LEAST_NOTE <= len(note.strip()) <= MOST_NOTE or not note.isprintable():
            raise Refused(f"say in {LEAST_NOTE} to {MOST_NOTE} characters what was done (--note)")
        mine = (CHECKLIST.c.name == name) & (CHECKLIST.c.version == version) & (CHECKLIST.c.item == item)
        values = {"name": name, "version": version, "item": item}
        said = {"evidence": evidence, "note": note, "author": author}
        with self._database.writing() as connection:
            connection.execute(delete(CHECKLIST).where(mine))
            now = literal_column(self._database.clock, BigInteger)
            connection.execute(insert(CHECKLIST).values(made=now, **values, **said))
            return _read(connection.execute(select(CHECKLIST).where(mine)).one())

    def of(self, name: str, version: int) -> tuple[KeptMark, ...]:
        """The marks of this version, and of no other: what was true of another one has to be said again."""
        asked = select(CHECKLIST).where(CHECKLIST.c.name == name, CHECKLIST.c.version == version)
        with self._database.reading() as connection:
            return tuple(map(_read, connection.execute(asked).all()))


def _read(row: Row[Any]) -> KeptMark:
    return KeptMark(item=row.item, evidence=row.evidence, note=row.note, author=row.author, made=row.made)
