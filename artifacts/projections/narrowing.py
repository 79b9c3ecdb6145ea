"""The gates of a report in the order in which people read them, with the findings of the colours that they asked for."""

from __future__ import annotations

from collections.abc import Collection

from arcops.finding import Finding
from arcops.result import GateResult, Report
from arcops.verdict import Verdict

Shown = list[tuple[GateResult, tuple[Finding, ...]]]


def narrowed(report: Report, colours: Collection[Verdict]) -> Shown:
    """The gates, the worst first, each with its findings; with *colours*, those of these colours."""
    results = sorted(report.results, key=lambda one: one.verdict, reverse=True)
    if not colours:
        return [(result, result.findings) for result in results]
    wanted = set(colours)
    found = []
    for result in results:
        findings = tuple(one for one in result.findings if one.outcome.verdict in wanted)
        if findings or result.verdict in wanted:
            found.append((result, findings))
    return found
