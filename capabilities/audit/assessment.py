"""Write what speaks to controls as assessment results in OSCAL, for the tools of auditors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from artifacts.writing import vacant, write_new
from capabilities.audit.place import moment_of
from capabilities.audit.report import AuditReport, ReportAudit, report_audit
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.audit.oscal import Observed, assessment


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAssessment:
    """Of which time, and to which file."""

    since: str = field(default="", metadata=ReportAudit.__dataclass_fields__["since"].metadata)
    """The first moment: a day (2031-12-24, from its beginning in UTC) or a moment (2031-12-24T10:00:00Z)."""
    until: str = field(default="", metadata=ReportAudit.__dataclass_fields__["until"].metadata)
    """The first moment that is too late."""
    output: Path | None = field(default=None, metadata=used(Use.WRITE) | shaped(short="-o"))
    """The new file; without it the document is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """How many rows have evidence, what does not count, what is wrong with the logs, and the document if no file was named."""

    observations: int
    left_out: tuple[str, ...]
    problems: tuple[str, ...]
    text: str


@tool(title="Export assessment results", scope=Scope.AUDIT, long=True)
def export_assessment(ask: ExportAssessment, at: Place) -> Assessed:
    """Write the evidence for controls as assessment results in OSCAL 1.1.3 (JSON): what was seen, with links to it.

    It has no findings, since whether a control is met is for an assessor to say.
    """
    if ask.output is not None:
        vacant(ask.output, within=at.writable)
    found = report_audit(ReportAudit(controls=True, since=ask.since, until=ask.until), at)
    rows = tuple(_observed(found))
    now = at.now()
    made = assessment(
        rows,
        site=at.settings.site,
        begin=moment_of(ask.since, "since") or found.first or now,
        end=min(moment_of(ask.until, "until") or now, now),
        at=now,
        left_out=found.left_out,
    )
    text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    if ask.output is not None:
        write_new(ask.output, text.encode(), within=at.writable)
    return Assessed(
        observations=sum(bool(one.links) for one in rows),
        left_out=found.left_out,
        problems=found.problems,
        text="" if ask.output is not None else text,
    )


def _observed(found: AuditReport) -> Iterator[Observed]:
    for row in found.controls:
        yield Observed(
            framework=row.framework,
            control=row.control,
            method="EXAMINE",
            evidence=row.evidence,
            times=row.records,
            links=row.named,
        )
    for one in found.judged:
        yield Observed(
            framework=one.framework,
            control=one.control,
            method="TEST",
            evidence=f"the gate {one.gate} judged: {one.green:,} GREEN, {one.amber:,} AMBER, {one.red:,} RED",
            times=one.green + one.amber + one.red,
            links=one.named,
        )
