"""The runbooks of this site in the database: what was made, and each attempt at each step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from artifacts.wire import canonical_bytes, from_json
from foundation.database.engine import Database
from foundation.database.host_tables import RUNBOOK_STEPS, RUNBOOKS
from services.host.runbooks.runbook import Runbook, Setting

MOST_OUTPUT = 64 * 1024
"""Characters of each stream that are kept of a command."""


class State(StrEnum):
    """How an attempt at a step ended, or that it did not."""

    BEGUN = "begun"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """May the next step begin?"""
        return self in (State.DONE, State.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A command, how it ended, and the beginning of what it wrote."""

    command: tuple[str, ...]
    exit: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What happened at a step: this is its evidence. ``ran`` is ``None`` if nothing had to be done."""

    runbook: str
    number: int
    title: str
    state: State
    why: str
    before: Output
    ran: Output | None = None
    after: Output | None = None
    values: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStep:
    """An attempt at a step; times in milliseconds since 1970. While it runs, or if it was killed,
    ``record`` is ``None`` and ``ended`` is 0.
    """

    number: int
    attempt: int
    state: State
    record: StepRecord | None
    began: int
    ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRunbook:
    """A runbook that was made by ``author``. ``artifact`` is the digest of its sealed record, once it is done."""

    id: str
    runbook: Runbook
    author: str
    made: int
    artifact: str


class Runbooks:
    """The runbooks in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def add(self, id_: str, runbook: Runbook, *, author: str) -> KeptRunbook:
        """Keep *runbook* as *id_*."""
        said = canonical_bytes(runbook).decode()
        with self._database.writing() as connection:
            values = {"id": id_, "template": runbook.template.name, "said": said, "author": author, "artifact": ""}
            connection.execute(insert(RUNBOOKS).values(made=self._now, **values))
            return self._there(connection, id_)

    def one(self, id_: str) -> KeptRunbook:
        """The runbook *id_*. Raises `Refused` if it does not exist."""
        with self._database.reading() as connection:
            return self._there(connection, id_)

    def newest(self, most: int) -> tuple[KeptRunbook, ...]:
        """The last *most* runbooks, the newest first."""
        asked = select(RUNBOOKS).order_by(RUNBOOKS.c.made.desc(), RUNBOOKS.c.id).limit(most)
        with self._database.reading() as connection:
            return tuple(_runbook(one) for one in connection.execute(asked).all())

    def steps(self, id_: str) -> dict[int, KeptStep]:
        """The last attempt at each step that was begun."""
        asked = select(RUNBOOK_STEPS).where(RUNBOOK_STEPS.c.runbook == id_).order_by(RUNBOOK_STEPS.c.attempt)
        with self._database.reading() as connection:
            return {one.number: _step(one) for one in connection.execute(asked).all()}

    def begin(self, id_: str, number: int) -> int:
        """Note that a step begins, and return the number of this attempt. Raises `Refused` if the runbook is done."""
        mine = (RUNBOOK_STEPS.c.runbook == id_) & (RUNBOOK_STEPS.c.number == number)
        with self._database.writing() as connection:
            if self._there(connection, id_).artifact:
                raise Refused(f"the runbook {id_} is done and sealed; make a new one to do it again")
            last = connection.execute(select(func.coalesce(func.max(RUNBOOK_STEPS.c.attempt), 0)).where(mine)).scalar_one()
            values = {"runbook": id_, "number": number, "attempt": last + 1, "state": State.BEGUN.value, "said": ""}
            connection.execute(insert(RUNBOOK_STEPS).values(began=self._now, ended=0, **values))
        return int(last) + 1

    def end(self, attempt: int, record: StepRecord) -> None:
        """Note how the attempt ended."""
        mine = (
            (RUNBOOK_STEPS.c.runbook == record.runbook)
            & (RUNBOOK_STEPS.c.number == record.number)
            & (RUNBOOK_STEPS.c.attempt == attempt)
        )
        said = canonical_bytes(record).decode()
        with self._database.writing() as connection:
            connection.execute(update(RUNBOOK_STEPS).where(mine).values(state=record.state.value, said=said, ended=self._now))

    def sealed(self, id_: str, artifact: str) -> None:
        """The runbook is done, and *artifact* is its sealed record."""
        with self._database.writing() as connection:
            connection.execute(update(RUNBOOKS).where(RUNBOOKS.c.id == id_).values(artifact=artifact))

    def _there(self, connection: Connection, id_: str) -> KeptRunbook:
        found = connection.execute(select(RUNBOOKS).where(RUNBOOKS.c.id == id_)).one_or_none()
        if found is None:
            raise Refused(f"there is no runbook {id_[:40]!r}; 'arcops host runbook status' lists those that were made")
        return _runbook(found)


def values_of(runbook: Runbook, steps: Iterable[KeptStep]) -> dict[str, str]:
    """The values that a step may use: the parameters, and what the checks of steps that are over gave."""
    given = {one.name: one.value for step in steps if step.state.over and step.record for one in step.record.values}
    return given | runbook.values


def _runbook(row: Row[Any]) -> KeptRunbook:
    return KeptRunbook(id=row.id, runbook=from_json(Runbook, row.said), author=row.author, made=row.made, artifact=row.artifact)


def _step(row: Row[Any]) -> KeptStep:
    return KeptStep(
        number=row.number,
        attempt=row.attempt,
        state=State(row.state),
        record=from_json(StepRecord, row.said) if row.said else None,
        began=row.began,
        ended=row.ended,
    )
