"""Reports as plain text and in machine formats. It imports no terminal library, because `arcops verify` must start fast."""

from __future__ import annotations

import sys

from adapters.cli.printing import Only
from arcops.finding import Finding, Outcome
from arcops.result import GateResult, Report
from arcops.verdict import Verdict


def printable(text: str) -> str:
    """*text* with control characters written out: in file names they could move the cursor or change colours."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def print_plain(report: Report, only: Only = ()) -> None:
    """The verdict, every gate, and what is not well: one sentence a line, so that other programs can read it line by line."""
    for result, findings in narrowed(report, only):
        print(f"{result.verdict.value} {result.gate}")
        for finding in findings:
            if finding.outcome is not Outcome.PASS:
                print(f"{finding.outcome.value} {finding.rule}: {printable(finding.text)}")
    if left := left_out(report, only):
        print(left)
    subject = report.subject
    print(f"{report.verdict.value} {subject.kind} {printable(subject.name)} {subject.digests[0]}")
    print(
        f"policy {printable(report.policy_name)} ({report.policy_digest}), tier {report.tier.value}, "
        f"judged {report.judged_at:%Y-%m-%d %H:%M} UTC, valid until {report.valid_until:%Y-%m-%d %H:%M} UTC"
    )


def narrowed(report: Report, only: Only) -> list[tuple[GateResult, tuple[Finding, ...]]]:
    """The gates, the worst first, each with its findings; with *only*, those of these colours."""
    colours = {one.verdict for one in only} or set(Verdict)
    found = []
    for result in sorted(report.results, key=lambda one: one.verdict, reverse=True):
        findings = tuple(one for one in result.findings if one.outcome.verdict in colours)
        if findings or result.verdict in colours:
            found.append((result, findings))
    return found


def left_out(report: Report, only: Only) -> str:
    """How many findings *only* leaves out, in a sentence; empty for none, so that a part is never taken for the whole."""
    every = sum(len(result.findings) for result in report.results)
    left = every - sum(len(findings) for _, findings in narrowed(report, only))
    return f"{left} of {every} findings are not shown, because of --only {','.join(one.value for one in only)}" if left else ""


def print_machine(report: Report, form: str) -> None:
    """*report* in the format *form*, on standard output."""
    from capabilities.artifact.project import project

    sys.stdout.buffer.write(project(report, form))
    sys.stdout.buffer.flush()


def print_json(value: object) -> None:
    """*value*, an answer of ours, as JSON."""
    import json

    from artifacts.wire import to_json

    print(json.dumps(to_json(value), indent=1))
