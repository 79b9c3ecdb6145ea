"""Report what the audit log shows: how many calls by outcome, and for each control the evidence: records and artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from arcops.errors import Refused
from capabilities.audit.judged import Judged, JudgedRow
from capabilities.audit.place import logs_at, shown
from capabilities.audit.query import QueryAudit, wanted
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.audit.asking import Found, matching
from foundation.audit.controls import ControlRow, rows
from foundation.audit.record import Outcome
from foundation.audit.verifying import LogRead


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAudit:
    """Of which time, and whether with controls."""

    controls: bool = False
    """Also a row for each control of NIST SP 800-53, SOC 2, HIPAA and GDPR that records or gates speak to."""
    since: str = field(default="", metadata=QueryAudit.__dataclass_fields__["since"].metadata)
    """The first moment: a day (2031-12-24, from its beginning in UTC) or a moment (2031-12-24T10:00:00Z)."""
    until: str = field(default="", metadata=QueryAudit.__dataclass_fields__["until"].metadata)
    """The first moment that is too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many records there are of one tool, or of one action without a tool, with one outcome."""

    what: str
    outcome: Outcome
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What the logs that verify show. Logs that do not verify are left out, and ``problems`` say so."""

    records: int
    actors: int
    """How many different callers were verified."""
    first: datetime | None
    """When the oldest of these records was made, or the oldest artifact judged that counts."""
    counted: tuple[Counted, ...]
    controls: tuple[ControlRow, ...]
    """By the records."""
    judged: tuple[JudgedRow, ...]
    """By the artifacts in the store whose signer counts here."""
    left_out: tuple[str, ...]
    """The logs that do not verify, or are gone, and how many artifacts do not count."""
    problems: tuple[str, ...]


@tool(title="Report on the audit log", scope=Scope.AUDIT, reads_only=True, long=True)
def report_audit(ask: ReportAudit, at: Place) -> AuditReport:
    """Count what was done, and name for each control the records and the artifacts that are evidence for it.

    Only records of logs that verify count, and artifacts whose signer counts here. A row is evidence for a control, and never
    says that a control is met.
    """
    seen = _Records(ask, at)
    table: tuple[ControlRow, ...] = ()
    judged: tuple[JudgedRow, ...] = ()
    oldest: list[datetime] = []
    if ask.controls:
        table = rows(seen, _trusting())
        kept = Judged(at, seen.wanted.since, seen.wanted.until)
        judged = tuple(kept.rows())
        oldest += [kept.first] if kept.first else []
        seen.left_out += (f"{number:,} artifact(s) that are {standing.value}" for standing, number in kept.left_out.items())
    else:
        for _ in seen:
            pass
    return AuditReport(
        records=seen.count.total(),
        actors=len(seen.actors),
        first=min((*oldest, *([seen.first] if seen.first else [])), default=None),
        counted=tuple(Counted(what=what, outcome=outcome, records=number) for (what, outcome), number in _sorted(seen.count)),
        controls=table,
        judged=judged,
        left_out=tuple(seen.left_out),
        problems=tuple(shown(one, at) for one in seen.problems),
    )


class _Records:
    """The records of the logs that verify, counted while they are gone through."""

    def __init__(self, ask: ReportAudit, at: Place) -> None:
        self.wanted = wanted(QueryAudit(since=ask.since, until=ask.until))
        self._at = at
        self._alone = ask.controls
        """Artifacts are evidence, too, so the report is made even if there is no log."""
        self.count: Counter[tuple[str, Outcome]] = Counter()
        self.actors: set[tuple[str, str, str]] = set()
        self.first: datetime | None = None
        self.left_out: list[str] = []
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[Found]:
        for log in self._logs():
            if log.problems:
                self.left_out.append(log.name)
                self.problems += (f"{log.name}: {one}" for one in log.problems)
                continue
            for found in matching(log, self.wanted, self.problems):
                record = found.record
                self.first = record.at if self.first is None else min(self.first, record.at)
                self.count[record.tool or record.action, record.outcome] += 1
                if record.actor.id:
                    self.actors.add((record.actor.issuer, record.actor.tenant, record.actor.id))
                yield found

    def _logs(self) -> Iterator[LogRead]:
        try:
            yield from logs_at(self._at)
        except Refused as error:
            if not self._alone:
                raise
            self.problems.append(f"No record counts: {error}")


def _sorted(count: Counter[tuple[str, Outcome]]) -> list[tuple[tuple[str, Outcome], int]]:
    return sorted(count.items(), key=lambda one: (one[0][0], one[0][1].value))


def _trusting() -> frozenset[str]:
    """The tools that change what counts here."""
    from capabilities.catalogue import all_tools  # it imports every capability, which only this table takes

    return frozenset(one.name for one in all_tools() if one.scope in (Scope.TRUST, Scope.WAIVE))
