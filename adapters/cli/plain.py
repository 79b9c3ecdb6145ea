"""Reports as plain text and in machine formats. It imports no terminal library, because `arcops verify` must start fast."""

from __future__ import annotations

import sys

from adapters.cli.printing import Only
from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.projections.folding import narrowed
from artifacts.projections.lines import printable


def print_plain(report: Report, only: Only = ()) -> None:
    """The verdict, every gate, and what is not well: one sentence a line, so that other programs can read it line by line."""
    for result, findings in narrowed(report, colours(only)):
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


def colours(only: Only) -> tuple[Verdict, ...]:
    """The verdicts that *only* names."""
    return tuple(one.verdict for one in only)


def left_out(report: Report, only: Only) -> str:
    """How many findings *only* leaves out, in a sentence; empty for none, so that a part is never taken for the whole."""
    every = sum(len(result.findings) for result in report.results)
    left = every - sum(len(findings) for _, findings in narrowed(report, colours(only)))
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
