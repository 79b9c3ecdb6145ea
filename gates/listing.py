"""The findings of one rule as a list that people can read: so many one by one, the others as one; or one, that all is well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arcops.finding import Finding, Outcome

MOST = 200
"""Findings of one rule that are listed one by one; the rest are counted in one more, which is as bad."""

REST = "{count} more are not listed here."


def listed(findings: Iterable[Finding], well: Finding, *, rest: str = REST, most: int = MOST) -> Iterator[Finding]:
    """The first *most* of *findings* and one for all others, which says *rest* with ``{count}``; *well* if there is none."""
    return answered(capped(findings, rest=rest, most=most), well)


def answered(findings: Iterable[Finding], well: Finding) -> Iterator[Finding]:
    """All of *findings*; *well* if there is none."""
    yield from list(findings) or [well]


def capped(findings: Iterable[Finding], *, rest: str = REST, most: int = MOST) -> Iterator[Finding]:
    """The first *most* of *findings*, then the worst of the others as one, saying *rest* with ``{count}``."""
    others: list[Finding] = []
    for count, finding in enumerate(findings):
        if count < most:
            yield finding
        else:
            others.append(finding)
    if others:
        worst = max(others, key=lambda finding: finding.outcome.verdict)
        yield Finding(
            rule=worst.rule,
            # Unlisted failures are unknown, lest a waiver that names nothing in particular cover them all.
            outcome=Outcome.WARN if worst.outcome is Outcome.WARN else Outcome.UNKNOWN,
            text=rest.format(count=len(others)),
            cites=worst.cites,
            fix=worst.fix,
        )
