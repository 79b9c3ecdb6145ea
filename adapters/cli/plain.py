"""Reports as plain text and in machine formats. It imports no terminal library, because `arcops verify` must start fast."""

from __future__ import annotations

import sys

from arcops.finding import Outcome
from arcops.result import Report


def printable(text: str) -> str:
    """*text* with control characters written out: in file names they could move the cursor or change colours."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def print_plain(report: Report) -> None:
    """The verdict, every gate, and what is not well."""
    for result in sorted(report.results, key=lambda one: one.verdict, reverse=True):
        print(f"{result.verdict.value:5}  {result.gate}")
        for finding in result.findings:
            if finding.outcome is not Outcome.PASS:
                print(f"       {finding.outcome.value} {finding.rule}: {printable(finding.text)}")
    subject = report.subject
    print(f"{report.verdict.value:5}  {subject.kind} {printable(subject.name)} {subject.digests[0]}")
    print(
        f"policy {printable(report.policy_name)} ({report.policy_digest}), tier {report.tier.value}, "
        f"judged {report.judged_at:%Y-%m-%d %H:%M} UTC, valid until {report.valid_until:%Y-%m-%d %H:%M} UTC"
    )


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
