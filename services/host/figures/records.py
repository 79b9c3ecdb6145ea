"""What was done here, from when to when, and how it ended: the records that figures of time and success are measured from.

Each part of the host that does something of a `Kind` appends one record when that is over, in one line::

    record(database, Kind.ROLLBACK, "time", began, ended, Ending.DONE)

A record is never changed. Times are the writer's, and UTC.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import insert, select

from arcops.errors import ArcOpsError, Refused
from foundation.database.engine import Database
from foundation.database.tables import HOSTED_RECORDS

MOST_SUBJECT = 200

_log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What was done. The sentences say what the times are."""

    SITE = "site"
    """The host itself was set up: from the first command to its first start. ``subject`` is the host."""
    DEPLOYMENT = "deployment"
    """A server was deployed or updated: from the command to Running. ``subject`` is the server, as below."""
    FIRST_STATUS = "first-status"
    """A new row was shown with a state: from the row to the state."""
    JIT = "jit"
    """The first request started a server: from the request to Running."""
    RECOVERY = "recovery"
    """A process that had ended was replaced: from when that was noticed to Running."""
    ROLLBACK = "rollback"
    """An earlier version was brought back: from the command until it served."""
    RUNBOOK = "runbook"
    """A runbook was made: from the request to its text. ``subject`` is the runbook's template."""
    DOCUMENT = "document"
    """A core template or document was written: both times say when. ``subject`` is its name; the newest record counts."""
    CHECKLIST = "checklist"
    """The mandatory items of a checklist were all done: from the server's row to the last item."""
    FEEDBACK = "feedback"
    """Feedback got another status: from when it was sent. ``subject`` is its id; the first record counts."""
    ONBOARDING = "onboarding"
    """An invited person was led to a first server: from the invitation; `Ending.DONE` means without anyone's help."""
    RESTORE = "restore"
    """The gateway's and the network's configuration was restored: from when the change was noticed."""
    ADVISORY = "advisory"
    """A quota's advisory was raised: from when use first stayed over 80 %. ``subject`` is the quota."""
    BURST = "burst"
    """A caller went on over a limit: ``value`` is how many requests were let through before the first was refused."""
    COSTS_LOST = "costs-lost"
    """Events of cost could be kept nowhere: ``value`` is how many, ``subject`` the process."""
    RECONCILIATION = "reconciliation"
    """Events of cost were compared with a bill: ``value`` is the difference, as a part of the bill."""


class Ending(StrEnum):
    """How it ended. `AIDED`: it was done, but with someone's help. `ABANDONED`: the one who began it did not go on."""

    DONE = "done"
    FAILED = "failed"
    AIDED = "aided"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that was done. ``value`` is a number that its kind explains, or ``None``."""

    kind: Kind
    subject: str
    began: datetime
    ended: datetime
    outcome: Ending
    value: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; ``None`` if the clock was set back meanwhile, so that no one knows."""
        took = (self.ended - self.began).total_seconds()
        return took if took >= 0 else None


def record(
    database: Database,
    kind: Kind,
    subject: str,
    began: datetime,
    ended: datetime,
    outcome: Ending,
    *,
    value: float | None = None,
) -> None:
    """Append one record. Raises `Refused` for a subject that is empty or too long, and `Unavailable`."""
    if not subject or len(subject) > MOST_SUBJECT:
        raise Refused(f"the subject of a record has 1 to {MOST_SUBJECT} characters, and this one has {len(subject)}")
    row = {
        "id": f"{time.time_ns():016x}{uuid.uuid4().hex[:16]}",  # of two that ended at once, the later one is the newer
        "kind": kind.value,
        "subject": subject,
        "began": _milliseconds(began),
        "ended": _milliseconds(ended),
        "outcome": outcome.value,
        "value": value,
    }
    with database.writing() as connection:
        connection.execute(insert(HOSTED_RECORDS).values(row))


@contextmanager
def attempted(database: Database, kind: Kind, subject: str) -> Iterator[None]:
    """Record what is attempted meanwhile, and that it failed if an error ends it.

    A database that takes no record then does not undo what was done: the log says so.
    """
    began, outcome = datetime.now(UTC), Ending.FAILED
    try:
        yield
        outcome = Ending.DONE
    finally:
        try:
            record(database, kind, subject, began, datetime.now(UTC), outcome)
        except ArcOpsError as error:
            _log.error("there is no record of a %s of %s: %s", kind.value, subject, error)


def recorded(
    database: Database, kinds: Iterable[Kind] = tuple(Kind), *, subject: str = "", since: datetime | None = None
) -> tuple[Record, ...]:
    """The records of these *kinds* that ended *since* then, the oldest first; of one *subject*, or of all."""
    asked = select(HOSTED_RECORDS).where(HOSTED_RECORDS.c.kind.in_([one.value for one in kinds]))
    if subject:
        asked = asked.where(HOSTED_RECORDS.c.subject == subject)
    if since is not None:
        asked = asked.where(HOSTED_RECORDS.c.ended >= _milliseconds(since))
    with database.reading() as connection:
        rows = connection.execute(asked.order_by(HOSTED_RECORDS.c.ended, HOSTED_RECORDS.c.id)).all()
    return tuple(
        Record(
            kind=Kind(one.kind),
            subject=one.subject,
            began=_moment(one.began),
            ended=_moment(one.ended),
            outcome=Ending(one.outcome),
            value=one.value,
        )
        for one in rows
    )


def _milliseconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return round(at.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
