"""A gate's findings in the order of need, by rule, so that a fix that many of them share is told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arcops.finding import Finding, Outcome
from arcops.result import GateResult, Report

MOST_SHOWN = 500
"""Findings of one gate on one page; the artifact itself has all of them."""
MOST_OPEN = 8
"""Findings with one fix that are not folded."""
_ORDER = {Outcome.FAIL: 0, Outcome.UNKNOWN: 1, Outcome.WARN: 2, Outcome.PASS: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class FixShown:
    """Findings that one ``fix`` is for; it is empty if no fix is known. ``first`` are shown at once, ``rest`` folded."""

    fix: str
    first: tuple[Finding, ...]
    rest: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleShown:
    """A rule's findings that are not well. ``counts`` is how many have each outcome, the worst first."""

    rule: str
    counts: tuple[tuple[Outcome, int], ...]
    fixes: tuple[FixShown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateShown:
    """A gate. ``bad`` are the rules that are not well, ``good`` the findings that are. ``left`` is how many are not shown."""

    result: GateResult
    bad: tuple[RuleShown, ...]
    good: tuple[Finding, ...]
    left: int


def by_need(report: Report) -> tuple[GateShown, ...]:
    """The gates of *report*, the worst first."""
    return tuple(_gate(result) for result in sorted(report.results, key=lambda result: result.verdict, reverse=True))


def _gate(result: GateResult) -> GateShown:
    ordered = sorted(result.findings, key=lambda finding: _ORDER[finding.outcome])
    bad = [finding for finding in ordered if finding.outcome is not Outcome.PASS]
    good = [finding for finding in ordered if finding.outcome is Outcome.PASS]
    left = len(ordered) - len(bad[:MOST_SHOWN]) - len(good[:MOST_SHOWN])
    return GateShown(result=result, bad=_rules(bad[:MOST_SHOWN]), good=tuple(good[:MOST_SHOWN]), left=left)


def _rules(findings: Iterable[Finding]) -> tuple[RuleShown, ...]:
    """The rules of *findings*, in the order of their first finding."""
    rules: dict[str, list[Finding]] = {}
    for finding in findings:
        rules.setdefault(finding.rule, []).append(finding)
    return tuple(_rule(rule, found) for rule, found in rules.items())


def _rule(rule: str, findings: list[Finding]) -> RuleShown:
    counts: dict[Outcome, int] = {}
    fixes: dict[str, list[Finding]] = {}
    for finding in findings:
        counts[finding.outcome] = counts.get(finding.outcome, 0) + 1
        fixes.setdefault(finding.fix, []).append(finding)
    return RuleShown(
        rule=rule,
        counts=tuple(counts.items()),
        fixes=tuple(
            FixShown(fix=fix, first=tuple(found[:MOST_OPEN]), rest=tuple(found[MOST_OPEN:])) for fix, found in fixes.items()
        ),
    )
