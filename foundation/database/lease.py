"""Who does it: a lease is held by one holder at a time, until a moment by the database's clock, under a number that grows.

The number is the lease's epoch. A holder that was stopped and woken still believes that it holds the lease. So every write is
made in a transaction that locks the lease's row and finds the same holder and epoch in it, unexpired; otherwise it is refused.
The clocks of hosts decide nothing, except that a holder may stop earlier by its own.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, literal_column, select, update

from arcops.errors import Refused, Unavailable
from foundation.database.engine import Database
from foundation.database.tables import LEASES

LEAST_SECONDS, MOST_SECONDS = 0.05, 3600.0
_MOST_NAME = 200


class Lost(Unavailable):
    """The lease is not held under this epoch any more. Stop the work that it is for; take the lease again to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it was given. ``until`` is in milliseconds since 1970, by the database's clock.

    ``deadline`` is in seconds of this machine's own clock, counted from before the database was asked, so it is never later
    than ``until``.
    """

    name: str
    holder: str
    epoch: int
    until: int
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who holds a lease now, as anyone may ask. ``seconds`` is how long it is still held."""

    name: str
    holder: str
    epoch: int
    seconds: float


def new_holder() -> str:
    """A name for this process that no other has, also none that had its number before."""
    return f"{os.uname().nodename[:100]}-{os.getpid()}-{secrets.token_hex(8)}"


def awake() -> float:
    """Seconds of a clock of this machine that only goes forward, and also while the machine sleeps, if it has such a clock."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Leases:
    """The leases of a database, for one *holder*. *clock* gives seconds that only grow.

    Every method raises `Unavailable` if the database does not answer: then no one may believe that they hold the lease.
    """

    def __init__(self, database: Database, holder: str, *, clock: Callable[[], float] = awake) -> None:
        _name(holder, "holder")
        self._database = database
        self._holder = holder
        self._clock = clock

    def take(self, name: str, seconds: float) -> Lease | None:
        """The lease *name* for so many seconds under a new epoch; ``None`` if it is held, be it by this same holder."""
        length, begun = _length(name, seconds), self._clock()
        insert = self._database.insert(LEASES)
        until = self._now + length
        first = insert.values(name=name, holder=self._holder, epoch=1, until=until)
        upsert = first.on_conflict_do_update(
            index_elements=[LEASES.c.name],
            set_={"holder": self._holder, "epoch": LEASES.c.epoch + 1, "until": until},
            where=LEASES.c.until <= self._now,
        )
        with self._database.writing() as connection:
            taken = connection.execute(upsert, execution_options={"preserve_rowcount": True}).rowcount == 1
            row = connection.execute(select(LEASES).where(LEASES.c.name == name)).one()
        return self._given(row, begun, seconds) if taken else None

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """The same lease under the same epoch, for so many seconds from now. Raises `Lost`, also if it expired and no one else
        took it meanwhile: what was true under it may have changed.
        """
        length, begun = _length(lease.name, seconds), self._clock()
        with self._database.writing() as connection:
            done = connection.execute(update(LEASES).where(self._holds(lease)).values(until=self._now + length))
            if done.rowcount != 1:
                raise self._lost(lease)
            row = connection.execute(select(LEASES).where(LEASES.c.name == lease.name)).one()
        return self._given(row, begun, seconds)

    def give(self, lease: Lease) -> bool:
        """Give *lease* back, so that another holder need not wait. Was it still held? The epoch stays, and grows from there."""
        with self._database.writing() as connection:
            return connection.execute(update(LEASES).where(self._holds(lease)).values(until=0)).rowcount == 1

    @contextmanager
    def writing(self, lease: Lease) -> Iterator[Connection]:
        """A transaction for a write that needs *lease*. Raises `Lost` before anything is written, if its epoch is stale.

        No one can take the lease until the transaction ends. It is short: a holder that is stopped inside it is cut off by a
        PostgreSQL server after some seconds, and what it wrote there is undone.
        """
        with self._database.writing() as connection:
            self.check(connection, lease)
            yield connection

    def check(self, connection: Connection, lease: Lease) -> None:
        """Raise `Lost` unless *lease* is held, and keep it so until the transaction of *connection* ends."""
        locked = select(LEASES.c.epoch).where(self._holds(lease)).with_for_update(read=True)  # SQLite has one writer anyway
        if connection.execute(locked).one_or_none() is None:
            raise self._lost(lease)

    def sure(self, lease: Lease) -> bool:
        """Is *lease* held for sure, by this machine's own clock alone? If not, stop at once; the database is not asked."""
        return self._clock() < lease.deadline

    def held(self) -> tuple[Held, ...]:
        """Who holds which lease now."""
        left = LEASES.c.until - self._now
        with self._database.reading() as connection:
            rows = connection.execute(select(LEASES, left.label("left")).where(left > 0).order_by(LEASES.c.name)).all()
        return tuple(Held(name=one.name, holder=one.holder, epoch=one.epoch, seconds=one.left / 1000) for one in rows)

    @property
    def _now(self) -> ColumnElement[int]:
        return literal_column(self._database.clock, LEASES.c.until.type)

    def _holds(self, lease: Lease) -> ColumnElement[bool]:
        return and_(
            LEASES.c.name == lease.name,
            LEASES.c.holder == self._holder,
            LEASES.c.holder == lease.holder,
            LEASES.c.epoch == lease.epoch,
            LEASES.c.until > self._now,
        )

    def _given(self, row: Row[Any], begun: float, seconds: float) -> Lease:
        return Lease(name=row.name, holder=row.holder, epoch=row.epoch, until=row.until, deadline=begun + seconds)

    def _lost(self, lease: Lease) -> Lost:
        return Lost(
            f"the lease {lease.name!r} is not held under epoch {lease.epoch} any more; nothing was written. "
            "Stop what it is for, and take it again"
        )


def _length(name: str, seconds: float) -> int:
    _name(name, "lease")
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise Refused(f"a lease of {seconds:g} seconds is not given; ask for {LEAST_SECONDS:g} to {MOST_SECONDS:g}")
    return int(seconds * 1000)


def _name(text: str, what: str) -> None:
    if not text or len(text) > _MOST_NAME or not text.isprintable():
        raise Refused(f"{text[:50]!r} is no name of a {what}; use 1 to {_MOST_NAME} printable characters")
