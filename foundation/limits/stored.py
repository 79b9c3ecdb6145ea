"""Counts in the database, for every process and host that uses it: each count is changed by one conditional statement.

The database's own clock decides, so the clocks of hosts need not agree. All counts of a call are changed in one transaction, in
the order of their keys, or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, delete, func, literal, literal_column, or_, select, text

from arcops.errors import Unavailable
from foundation.database.engine import Database
from foundation.database.tables import LIMITS
from foundation.limits.bucket import Standing, bucket_standing
from foundation.limits.counting import hashed
from foundation.limits.rules import Charge, windows

_MOST_WAIT_MS = 1000
_CLEAN_EVERY = 1000
_CLEAN_ROWS = 5000


class _Full(Exception):
    """A count lets no call through, so the transaction is undone."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A count as it is stored, with the database's clock in microseconds since 1970."""

    mark: int
    until: int
    now: int


class Stored:
    """The counts in *database*, which is closed with them. *wall* is in milliseconds since 1970."""

    def __init__(self, database: Database, *, wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._database = database
        self._wall = wall
        self._taken = 0
        self._now: ColumnElement[int] = literal_column(f"({database.clock} * 1000)", BigInteger)

    def take(self, charges: Sequence[Charge]) -> tuple[Standing, ...]:
        """As `Counters`."""
        keys = [hashed(one) for one in charges]
        rows: dict[str, _Row] = {}
        try:
            with self._database.writing() as connection:
                self._hurry(connection)
                for key, one in sorted(zip(keys, charges, strict=True), key=lambda pair: pair[0]):
                    rows[key] = self._count(connection, key, one)
        except _Full:
            standings = self._looked(keys, charges)
        else:
            standings = tuple(_standing(one, rows[key], let=True) for key, one in zip(keys, charges, strict=True))
        self._taken += 1
        if self._taken % _CLEAN_EVERY == 0:
            self._clean()
        return standings

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _hurry(self, connection: Connection) -> None:
        """A call does not wait long for its limits: PostgreSQL is told so, and SQLite is asked in a thread that is left."""
        if self._database.kind == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {_MOST_WAIT_MS}"))
            connection.execute(text(f"SET LOCAL statement_timeout = {_MOST_WAIT_MS}"))

    def _count(self, connection: Connection, key: str, one: Charge) -> _Row:
        now, calls = self._now, 1 + one.owed
        if one.rule.quota:
            if calls > one.numbers.calls:
                raise _Full
            ends = case(*((literal(end) * 1000 > now, literal(end)) for end in self._ends(one)), else_=literal(0))
            over = LIMITS.c.until * 1000 <= now
            values: dict[str, Any] = {"mark": calls, "until": ends}
            change = {
                "mark": case((over, literal(calls)), else_=LIMITS.c.mark + calls),
                "until": case((over, ends), else_=LIMITS.c.until),
            }
            condition = or_(over, LIMITS.c.mark + calls <= one.numbers.calls)
        else:
            mark = self._greatest(LIMITS.c.mark, now) + one.interval
            values = {"mark": now + one.interval, "until": (now + one.interval) // 1000 + 1}
            change = {"mark": mark, "until": mark // 1000 + 1}
            condition = mark - now <= one.interval * one.numbers.burst
        insert = self._database.insert(LIMITS)
        upsert = (
            insert.values(key=key, **values)
            .on_conflict_do_update(
                index_elements=[LIMITS.c.key],
                set_=change,
                where=condition,
            )
            .returning(LIMITS.c.mark, LIMITS.c.until, self._now)
        )
        found = connection.execute(upsert).one_or_none()
        if found is None:
            raise _Full
        row = _Row(*(int(value) for value in found))
        if one.rule.quota and row.until * 1000 <= row.now:
            raise Unavailable("the clock of this host is behind the database's by more than a window of a quota; set it")
        return row

    def _looked(self, keys: Sequence[str], charges: Sequence[Charge]) -> tuple[Standing, ...]:
        """Where each count stands after a call that one of them did not let through."""
        query = select(LIMITS.c.key, LIMITS.c.mark, LIMITS.c.until, self._now).where(LIMITS.c.key.in_(keys))
        with self._database.reading() as connection:
            self._hurry(connection)
            found = {row[0]: _Row(*(int(value) for value in row[1:])) for row in connection.execute(query)}
            now = int(connection.execute(select(self._now)).scalar_one())
        standings = []
        for key, one in zip(keys, charges, strict=True):
            row = found.get(key) or _Row(0, 0, now)
            if one.rule.quota and row.until * 1000 <= row.now:
                ends = next((end for end in self._ends(one) if end * 1000 > now), 0)
                row = _Row(0, ends, now)
            standings.append(_standing(one, row, let=_lets(one, row)))
        if all(one.let for one in standings):  # time went on meanwhile; the call was refused all the same
            standings[0] = Standing(let=False, remain=0, used=standings[0].used, wait=1, reset=standings[0].reset)
        return tuple(standings)

    def _ends(self, one: Charge) -> tuple[int, int, int]:
        return windows(one.rule.per, self._wall())

    def _greatest(self, first: Any, second: Any) -> Any:
        return func.greatest(first, second) if self._database.kind == "postgresql" else func.max(first, second)

    def _clean(self) -> None:
        """Remove some counts that are full again or over. A host that fails at it has lost nothing."""
        ended = LIMITS.c.until * 1000 <= self._now
        some = select(LIMITS.c.key).where(ended).limit(_CLEAN_ROWS)
        if self._database.kind == "postgresql":
            some = some.with_for_update(skip_locked=True)
        try:
            with self._database.writing() as connection:
                self._hurry(connection)
                connection.execute(delete(LIMITS).where(LIMITS.c.key.in_(some.scalar_subquery()), ended))
        except Unavailable:
            return


def _lets(one: Charge, row: _Row) -> bool:
    if one.rule.quota:
        return row.mark + 1 + one.owed <= one.numbers.calls
    return max(row.mark, row.now) + one.interval - row.now <= one.interval * one.numbers.burst


def _standing(one: Charge, row: _Row, *, let: bool) -> Standing:
    if not one.rule.quota:
        return bucket_standing(row.mark, row.now, one.interval, one.numbers.burst, let=let)
    left = max(0, row.until * 1000 - row.now)
    remain = max(0, one.numbers.calls - row.mark)
    return Standing(let=let, remain=remain, used=row.mark, wait=0 if remain else left, reset=left)
