"""The place of this machine's host when it began last, so that a change of its tier or address is noticed."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import delete, func, insert, literal_column, select
from sqlalchemy.types import BigInteger

from artifacts.host_snapshot import HostSurroundings
from artifacts.wire import canonical_bytes, from_json, name_on_the_wire
from foundation.database.engine import Database
from foundation.database.host_tables import HOST_KNOWN


class Known:
    """What *database* knows of the host of the machine *host*."""

    def __init__(self, database: Database, host: str) -> None:
        self._database, self._host = database, host[:200]

    def last(self) -> HostSurroundings | None:
        """Its place then; ``None`` if it was never seen."""
        asked = select(HOST_KNOWN.c.said).where(HOST_KNOWN.c.host == self._host)
        with self._database.reading() as connection:
            said = connection.execute(asked).scalar_one_or_none()
        return from_json(HostSurroundings, said) if said is not None else None

    def first(self) -> bool:
        """Was no host ever seen? So the database is new, or what was in it is lost."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(HOST_KNOWN)).scalar_one()) == 0

    def note(self, now: HostSurroundings) -> None:
        """Remember its place *now*."""
        with self._database.writing() as connection:
            connection.execute(delete(HOST_KNOWN).where(HOST_KNOWN.c.host == self._host))
            values = {"host": self._host, "said": canonical_bytes(now).decode()}
            seen = literal_column(self._database.clock, BigInteger)
            connection.execute(insert(HOST_KNOWN).values(seen=seen, **values))


def changes(before: HostSurroundings, now: HostSurroundings) -> tuple[str, ...]:
    """What of the tier and the addresses is other *now* than *before*, one line each."""
    return tuple(
        f"{name_on_the_wire(one.name)} was {_text(getattr(before, one.name))} and is {_text(getattr(now, one.name))}"
        for one in fields(HostSurroundings)
        if getattr(before, one.name) != getattr(now, one.name)
    )


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value) or "not set"
