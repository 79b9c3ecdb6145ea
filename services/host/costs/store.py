"""Events of cost in the database, and their sums of each day, which are written in the same step.

A host writes its events in the order of their numbers, so that a batch that is written again counts once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select

from foundation.database.engine import Database
from foundation.database.tables import COST_DAYS, COST_EVENTS
from services.host.costs.event import CostEvent

NAMES = ("day", "issuer", "tenant", "identity", "server", "tool", "model", "currency", "estimated")
"""What the events of one sum have in common."""
SUMS = (
    *("bytes_in", "bytes_out", "tokens_in", "tokens_out", "calls", "failed", "cpu_sum", "cpu_calls"),
    *("price_sum", "unpriced", "latency_sum", "audited"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The events of one ``day`` with the same names, or of several days. ``price`` is in billionths of ``currency``.

    ``cpu_sum`` is that of ``cpu_calls`` only, ``unpriced`` are calls without a price.
    """

    day: str
    issuer: str
    tenant: str
    identity: str
    server: str
    tool: str
    model: str
    currency: str
    estimated: int
    bytes_in: int
    bytes_out: int
    tokens_in: int
    tokens_out: int
    calls: int
    failed: int
    cpu_sum: int
    cpu_calls: int
    price_sum: int
    unpriced: int
    latency_sum: int
    audited: int


class CostStore:
    """The events in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, events: Sequence[CostEvent]) -> int:
        """Keep *events* of one host, in the order of their numbers; those that it has already count once. How many are new."""
        if not events:
            return 0
        host = events[0].host
        with self._database.writing() as connection:
            if self._database.kind == "postgresql":
                key = int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], signed=True)
                connection.execute(select(func.pg_advisory_xact_lock(key)))
            last = connection.execute(select(func.max(COST_EVENTS.c.number)).where(COST_EVENTS.c.host == host)).scalar()
            new = [one for one in events if one.number > (last or 0)]
            if not new:
                return 0
            connection.execute(insert(COST_EVENTS), [_row(one) for one in new])
            for row in _sums(new):
                put = self._insert().values(**row)
                more = {name: COST_DAYS.c[name] + put.excluded[name] for name in SUMS}
                connection.execute(put.on_conflict_do_update(index_elements=[COST_DAYS.c.key], set_=more))
        return len(new)

    def sums(self, first: str, last: str, *, by: Sequence[str] = NAMES, server: str = "") -> tuple[Sum, ...]:
        """The sums of the days from *first* to *last*, those with the same names of *by* together; other names are empty."""
        names = [COST_DAYS.c[one] for one in by]
        asked = select(*names, *(func.sum(COST_DAYS.c[one]).label(one) for one in SUMS))
        asked = asked.where(COST_DAYS.c.day >= first, COST_DAYS.c.day <= last)
        if server:
            asked = asked.where(COST_DAYS.c.server == server)
        if names:
            asked = asked.group_by(*names).order_by(*names)
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        nothing: dict[str, Any] = {one: 0 if one == "estimated" else "" for one in NAMES}
        return tuple(
            Sum(**{**nothing, **{name: getattr(one, name) for name in by}, **{name: int(getattr(one, name)) for name in SUMS}})
            for one in rows
            if one.calls is not None
        )

    def events(self, since: int, until: int, *, server: str = "", most: int = 10_000) -> Iterator[CostEvent]:
        """The events from *since* on and before *until* (milliseconds since 1970), the oldest first, read by parts."""
        last: tuple[int, str, int] = (since, "", 0)
        while True:
            asked = select(COST_EVENTS).where(COST_EVENTS.c.at < until, _after(last))
            if server:
                asked = asked.where(COST_EVENTS.c.server == server)
            order = (COST_EVENTS.c.at, COST_EVENTS.c.host, COST_EVENTS.c.number)
            with self._database.reading() as connection:
                rows = connection.execute(asked.order_by(*order).limit(most)).all()
            for one in rows:
                values = dict(one._mapping)
                yield CostEvent(**{**values, "estimated": bool(values["estimated"]), "audited": bool(values["audited"])})
            if len(rows) < most:
                return
            last = (rows[-1].at, rows[-1].host, rows[-1].number)

    def forget(self, before: int) -> int:
        """Remove the events before that moment; their sums stay. How many there were."""
        with self._database.writing() as connection:
            return connection.execute(delete(COST_EVENTS).where(COST_EVENTS.c.at < before)).rowcount

    def _insert(self) -> Any:
        return self._database.insert(COST_DAYS)


def _after(last: tuple[int, str, int]) -> ColumnElement[bool]:
    at, host, number = last
    later = COST_EVENTS.c.at > at
    same = (COST_EVENTS.c.at == at) & (
        (COST_EVENTS.c.host > host) | ((COST_EVENTS.c.host == host) & (COST_EVENTS.c.number > number))
    )
    return later | same


_COLUMNS = tuple(one.name for one in fields(CostEvent))
_values = attrgetter(*_COLUMNS)
_names = attrgetter(*NAMES)


def _row(event: CostEvent) -> dict[str, object]:
    row = dict(zip(_COLUMNS, _values(event), strict=True))
    row["estimated"], row["audited"] = int(event.estimated), int(event.audited)
    return row


def _sums(events: Sequence[CostEvent]) -> list[dict[str, object]]:
    """The rows that *events* add, in the order of their keys, so that two hosts never wait for one another."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in events:
        named = _names(one)
        row = found.get(named)
        if row is None:
            names = {**dict(zip(NAMES, named, strict=True)), "estimated": int(one.estimated)}
            key = hashlib.sha256(json.dumps([names[name] for name in NAMES]).encode()).hexdigest()
            row = found[named] = {"key": key, **names, **dict.fromkeys(SUMS, 0)}
        row["bytes_in"] += one.bytes_in
        row["bytes_out"] += one.bytes_out
        row["tokens_in"] += one.tokens_in
        row["tokens_out"] += one.tokens_out
        row["calls"] += 1
        row["failed"] += one.outcome != "done"
        row["cpu_sum"] += one.cpu or 0
        row["cpu_calls"] += one.cpu is not None
        row["price_sum"] += one.price or 0
        row["unpriced"] += one.price is None
        row["latency_sum"] += one.latency
        row["audited"] += one.audited
    return sorted(found.values(), key=itemgetter("key"))
