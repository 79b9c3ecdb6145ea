"""``arcops audit``: who did what, and is the log what was written?"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import GREEN, RED
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.audit.assessment import Assessed, ExportAssessment
    from capabilities.audit.export import AuditExported, ExportAudit
    from capabilities.audit.judged import JudgedRow
    from capabilities.audit.key import AskAuditKey, AuditKey
    from capabilities.audit.query import AuditFound, QueryAudit
    from capabilities.audit.report import AuditReport, ReportAudit
    from capabilities.audit.verify import AuditVerified, VerifyAudit
    from foundation.audit.controls import ControlRow

AUDIT = group("audit", "Who did what: query the audit log, verify it, export it.")


@command("audit query", "capabilities.audit.query:query_audit", own=Answering, example="--tool check_model --limit 10")
def query(given: Given[QueryAudit, AuditFound, Answering]) -> int:
    """Find records, the newest first. Exits 3 if a log does not verify."""
    return _ended(shown(given, _print_found).problems)


def _print_found(found: AuditFound) -> None:
    for one in found.records:
        record, actor = one.record, one.record.actor
        who = "/".join(part for part in (actor.tenant, actor.id) if part) or "-"
        said = " ".join(part for part in (record.outcome.value, record.verdict, record.reason) if part)
        what = " ".join(part for part in (record.tool or record.action, record.object) if part)
        mark = "" if one.verified else "NOT VERIFIED "
        line = f"{mark}{record.at:%Y-%m-%d %H:%M:%S} {who} {what} {said} {record.latency_us / 1000:.1f}ms {one.log}:{one.line}"
        print(printable(line))


@command("audit verify", "capabilities.audit.verify:verify_audit", own=Answering, reads={"keys": files.key_text})
def verify(given: Given[VerifyAudit, AuditVerified, Answering]) -> int:
    """Read all audit logs: exit 0 if they are what was written, 3 if not, with each record that was changed, removed or
    moved.
    """
    return _ended([one for log in shown(given, _print_verified).logs for one in log.problems], said=True)


def _print_verified(found: AuditVerified) -> None:
    for log in found.logs:
        for problem in log.problems:
            print(printable(f"{log.name}: {problem}"))
        if log.problems:
            continue
        known = f"{log.remembered:,}" if log.remembered is not None else "none"
        outside = f"{known} of them remembered outside of it"
        left = f"; {log.unsigned:,} lines after the last checkpoint do not count" if log.unsigned else ""
        print(printable(f"{log.name}: {log.records:,} records; {log.lines:,} lines, all signed, {outside}{left}"))
    print(f"{len(found.logs)} log(s), {sum(log.records for log in found.logs):,} records, {_count(found)} problem(s)")


def _count(found: AuditVerified) -> int:
    return sum(len(log.problems) for log in found.logs)


@command("audit export", "capabilities.audit.export:export_audit", example="--format ocsf -o events.jsonl")
def export(given: Given[ExportAudit, AuditExported, None]) -> int:
    """Export the records as lines of JSON, or as OCSF events for a SIEM. Exits 3 if a log does not verify."""
    ask = given.ask()
    done = answer(given.tool, ask, surroundings.place())
    sys.stdout.write(done.text)
    if ask.output is not None:
        print(f"wrote {done.records:,} record(s) to {ask.output}")
    return _ended(done.problems)


@command("audit report", "capabilities.audit.report:report_audit", own=Answering, example="--controls --since 2031-01-01")
def report(given: Given[ReportAudit, AuditReport, Answering]) -> int:
    """Count what was done; with --controls, name the records that are evidence for each control. Exits 3 if a log does not
    verify.
    """
    return _ended(shown(given, _print_report).problems)


def _print_report(found: AuditReport) -> None:
    print(f"{found.records:,} records of {found.actors:,} callers, in logs that verify")
    for one in found.counted:
        print(printable(f"{one.records:>9,} {one.outcome.value:8} {one.what}"))
    rows = [(f"{row.framework} {row.control}", _by_records(row), row.named) for row in found.controls]
    rows += [(f"{row.framework} {row.control}", _by_gate(row), row.named) for row in found.judged]
    for control, said, named in rows:
        if named:
            print(printable(f"{control}: {said}, {', '.join(named)}"))
    shown = {control for control, _, named in rows if named}
    without = list(dict.fromkeys(control for control, _, _ in rows if control not in shown))
    if without:
        print(printable(f"no evidence here: {', '.join(without)}"))
    for name in found.left_out:
        print(printable(f"not counted, since nothing vouches for it here: {name}"))
    if found.controls:
        print(
            "Each row is evidence for a control, which an auditor judges. 'arcops audit verify' checks the records that it "
            "names, 'arcops verify' the artifacts."
        )


def _by_records(row: ControlRow) -> str:
    return f"evidence that {row.evidence}: {row.records:,} record(s)"


def _by_gate(row: JudgedRow) -> str:
    return f"evidence by the gate {row.gate}: {row.green:,} GREEN, {row.amber:,} AMBER, {row.red:,} RED"


@command("audit assessment", "capabilities.audit.assessment:export_assessment", example="--since 2031-01-01 -o results.json")
def assessment(given: Given[ExportAssessment, Assessed, None]) -> int:
    """Write the evidence for controls as assessment results in OSCAL, for an auditor's tools. Exits 3 if a log does not
    verify.
    """
    ask = given.ask()
    done = answer(given.tool, ask, surroundings.place())
    sys.stdout.write(done.text)
    if ask.output is not None:
        print(f"wrote {done.observations:,} observation(s) to {ask.output}")
    return _ended(done.problems)


@command("audit key", "capabilities.audit.key:audit_key")
def key(given: Given[AskAuditKey, AuditKey, None]) -> None:
    """Print the public key that verifies the audit log; keep it elsewhere."""
    print(answer(given.tool, given.ask(), surroundings.place()).pem, end="")


def _ended(problems: Iterable[str], *, said: bool = False) -> int:
    """The exit code; what is wrong goes to standard error, unless it was *said* already."""
    found = list(problems)
    for one in () if said else found:
        print(printable(one), file=sys.stderr)
    return RED if found else GREEN
