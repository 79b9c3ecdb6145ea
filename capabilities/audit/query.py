"""Ask the audit log who did what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from arcops.asks import shaped
from capabilities.audit.place import MOMENT_FORM, logs_at, moment_of, shown
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.audit.asking import Found, Wanted, newest
from foundation.audit.record import Outcome
from foundation.audit.verifying import LogRead

MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAudit:
    """Which records are asked for. What is left empty asks for everything."""

    since: str = field(default="", metadata=shaped(pattern=MOMENT_FORM, title="MOMENT"))
    """The first moment: a day (2031-12-24, from its beginning in UTC) or a moment (2031-12-24T10:00:00Z)."""
    until: str = field(default="", metadata=shaped(pattern=MOMENT_FORM, title="MOMENT"))
    """The first moment that is too late."""
    actor: str = field(default="", metadata=shaped(most=1000))
    """Who did it: ID, TENANT/ID or ISSUER/TENANT/ID."""
    tool: str = field(default="", metadata=shaped(most=200))
    """The tool that was called."""
    object: str = field(default="", metadata=shaped(most=400))
    """What it was done to."""
    outcome: Outcome | None = None
    """How it ended."""
    limit: int = field(default=50, metadata=shaped(least=1, most=MOST))
    """Most records; the newest are answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFound:
    """The records that were found, the newest first, and what is wrong with the logs that they are from."""

    records: tuple[Found, ...]
    problems: tuple[str, ...]
    """One sentence for each thing that is wrong; `arcops audit verify` says more."""


def wanted(ask: QueryAudit) -> Wanted:
    """What *ask* asks for. Raises `Refused` for a moment that cannot be understood."""
    return Wanted(
        since=moment_of(ask.since, "since"),
        until=moment_of(ask.until, "until"),
        actor=ask.actor,
        tools=(ask.tool,) if ask.tool else (),
        object=ask.object,
        outcome=ask.outcome,
    )


@tool(title="Query the audit log", scope=Scope.AUDIT, reads_only=True, long=True)
def query_audit(ask: QueryAudit, at: Place) -> AuditFound:
    """Find who did what, when and how it ended, in the audit logs of this site; the logs are verified while they are read.

    A record of a log that does not verify is marked, and the answer says what is wrong with the log.
    """
    problems = list[str]()

    def one_by_one() -> Iterator[LogRead]:  # so that only one log is in memory at a time
        for log in logs_at(at):
            problems.extend(f"{log.name}: {one}" for one in log.problems)
            yield log

    found, unread = newest(one_by_one(), wanted(ask), ask.limit)
    return AuditFound(records=found, problems=tuple(shown(one, at) for one in (*problems, *unread)))
