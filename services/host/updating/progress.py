"""How far a version is that is made ready to serve: each step with its time, in the database, for everyone who looks.

The process that does it says every few seconds that it is still there. When it was killed, what it did last is *lost*, and not
*under way* for ever.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import ArcOpsError
from foundation.database.engine import Database
from foundation.database.tables import HOSTED_PROGRESS

RENEW_SECONDS = 5.0
GONE_SECONDS = 20
_MOST_SAID = 2000


class Step(StrEnum):
    """What is done, in this order. A version that was judged before may begin later."""

    RESOLVE = "resolve"
    """The package is resolved to a lock."""
    INSTALL = "install"
    """The files of the lock are put in place, without running any of it."""
    GATE = "gate"
    """It is judged by the policy."""
    START = "start"
    """It is started once, in its box and with its secrets."""
    HANDSHAKE = "handshake"
    """It is asked what it offers."""
    MOUNT = "mount"
    """It takes over at its address."""


class Outcome(StrEnum):
    """How a step is now. `LOST`: the process that did it is gone."""

    UNDER_WAY = "doing"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A ``step`` towards ``version``. ``began`` and ``ended`` are in milliseconds since 1970 by the database's clock, and
    ``ended`` is now for one that is under way. ``said`` is why it failed.
    """

    version: int
    step: Step
    outcome: Outcome
    began: int
    ended: int
    said: str


class Progress:
    """The steps of the server *name* in *database*. What cannot be written is not shown, and stops nothing."""

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name
        self._now = literal_column(database.clock, BigInteger)
        self._run, self._number, self._version = secrets.token_hex(8), 0, 0
        self._over = threading.Event()

    @contextmanager
    def towards(self, version: int) -> Iterator[None]:
        """The steps meanwhile are those towards *version*. The last one is done at the end, or failed with what was raised."""
        self._version = version
        with suppress(ArcOpsError), self._database.writing() as connection:
            connection.execute(delete(HOSTED_PROGRESS).where(HOSTED_PROGRESS.c.name == self._name))
        renewing = threading.Thread(target=self._renew, name=f"progress of {self._name}", daemon=True)
        renewing.start()
        try:
            yield
        except BaseException as error:
            self._end(Outcome.FAILED, str(error) or type(error).__name__)
            raise
        else:
            self._end(Outcome.DONE)
        finally:
            self._over.set()
            renewing.join()

    def begin(self, step: Step) -> None:
        """*step* begins; the one before is done."""
        self._end(Outcome.DONE)
        self._number += 1
        values = {
            "run": self._run,
            "version": self._version,
            "step": step.value,
            "said": "",
            "outcome": Outcome.UNDER_WAY.value,
        }
        times = {"began": self._now, "ended": 0, "until": self._now + GONE_SECONDS * 1000}
        with suppress(ArcOpsError), self._database.writing() as connection:
            connection.execute(insert(HOSTED_PROGRESS).values(name=self._name, number=self._number, **values, **times))

    def _end(self, outcome: Outcome, said: str = "") -> None:
        self._change(outcome=outcome.value, ended=self._now, said=said[:_MOST_SAID])

    def _renew(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            self._change(until=self._now + GONE_SECONDS * 1000)

    def _change(self, **values: object) -> None:
        table = HOSTED_PROGRESS.c
        mine = (table.name == self._name) & (table.run == self._run) & (table.outcome == Outcome.UNDER_WAY.value)
        with suppress(ArcOpsError), self._database.writing() as connection:
            connection.execute(update(HOSTED_PROGRESS).where(mine).values(**values))


def steps_of(database: Database, name: str) -> tuple[Stepped, ...]:
    """The steps of the newest version of *name* that was made ready, in their order; none if none ever was."""
    table = HOSTED_PROGRESS.c
    now = literal_column(database.clock, BigInteger)
    asked = select(HOSTED_PROGRESS, now.label("now")).where(table.name == name).order_by(table.number)
    with database.reading() as connection:
        rows = connection.execute(asked).all()
    found = []
    for one in rows:
        outcome = Outcome(one.outcome)
        gone = outcome is Outcome.UNDER_WAY and one.until <= one.now
        found.append(
            Stepped(
                version=one.version,
                step=Step(one.step),
                outcome=Outcome.LOST if gone else outcome,
                began=one.began,
                ended=one.ended or (one.until if gone else one.now),
                said=one.said,
            )
        )
    return tuple(found)
