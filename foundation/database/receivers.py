"""Who is told about new artifacts, and up to which position of the log each of them took what it was told.

A position moves only forward, and only under the lease of the one who tells: an instance that was stopped and woken cannot move
it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.lease import Lease, Leases
from foundation.database.tables import RECEIVERS

MOST_RECEIVERS = 100
_MOST_PROBLEM = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRow:
    """A receiver. ``log`` and ``position`` say what it has taken: every entry of that log before that position.

    ``verdicts`` and ``kinds`` are words with a space between: what it wants; empty for all. ``failures`` counts tries in a row
    that failed, and ``problem`` says why the last one did. ``told`` is when it last took something, ``again`` when it is tried
    next, in milliseconds since 1970, or 0. ``ended`` is 1 if it said that it wants nothing more.
    """

    name: str
    kind: str
    address: str
    secret: str
    verdicts: str
    kinds: str
    log: str
    position: int
    failures: int
    problem: str
    told: int
    again: int
    ended: int


class Receivers:
    """The receivers in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def leases(self, holder: str) -> Leases:
        """The leases of the same database, for *holder*."""
        return Leases(self._database, holder)

    def all(self) -> tuple[ReceiverRow, ...]:
        """Every receiver, by name."""
        with self._database.reading() as connection:
            return tuple(
                ReceiverRow(**one._mapping) for one in connection.execute(select(RECEIVERS).order_by(RECEIVERS.c.name))
            )

    def found(self, name: str) -> ReceiverRow | None:
        """The receiver *name*, if there is one."""
        with self._database.reading() as connection:
            row = connection.execute(select(RECEIVERS).where(RECEIVERS.c.name == name)).one_or_none()
        return ReceiverRow(**row._mapping) if row else None

    def now(self) -> int:
        """The database's clock, in milliseconds since 1970."""
        with self._database.reading() as connection:
            return int(connection.execute(select(self._now)).scalar_one())

    def add(self, row: ReceiverRow) -> None:
        """Add a receiver. Raises `Refused` if the name is taken, or there are too many."""
        with self._database.writing() as connection:
            names = set(connection.execute(select(RECEIVERS.c.name)).scalars())
            if row.name in names:
                raise Refused(f"there is a receiver {row.name!r} already; remove it first, or take another name")
            if len(names) >= MOST_RECEIVERS:
                raise Refused(f"there are {len(names)} receivers, and at most {MOST_RECEIVERS} are told; remove one")
            try:
                connection.execute(insert(RECEIVERS).values(**{one: getattr(row, one) for one in ReceiverRow.__slots__}))
            except IntegrityError as error:
                raise Refused(f"there is a receiver {row.name!r} already") from error

    def remove(self, name: str) -> bool:
        """Remove a receiver. Was there one?"""
        with self._database.writing() as connection:
            return connection.execute(delete(RECEIVERS).where(RECEIVERS.c.name == name)).rowcount == 1

    def took(self, leases: Leases, lease: Lease, name: str, position: int) -> None:
        """The receiver *name* has everything before *position*. Raises `Lost` if another instance tells it now."""
        with leases.writing(lease) as connection:
            done = {"position": position, "failures": 0, "problem": "", "told": self._now, "again": 0}
            self._update(connection, name, RECEIVERS.c.position <= position, **done)

    def passed(self, leases: Leases, lease: Lease, name: str, position: int) -> None:
        """There was nothing for the receiver *name* before *position*. Raises `Lost`."""
        with leases.writing(lease) as connection:
            self._update(connection, name, RECEIVERS.c.position <= position, position=position)

    def failed(self, leases: Leases, lease: Lease, name: str, problem: str, *, seconds: float, ended: bool = False) -> None:
        """The receiver *name* did not take what it was told, and is tried again after *seconds*. Raises `Lost`."""
        with leases.writing(lease) as connection:
            self._update(
                connection,
                name,
                None,
                failures=RECEIVERS.c.failures + 1,
                problem=problem[:_MOST_PROBLEM],
                again=self._now + int(seconds * 1000),
                ended=int(ended),
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @staticmethod
    def _update(connection: Connection, name: str, also: object, **values: object) -> None:
        where = [RECEIVERS.c.name == name, *([also] if also is not None else [])]
        connection.execute(update(RECEIVERS).where(*where).values(**values))  # type: ignore[arg-type]  # conditions on columns
