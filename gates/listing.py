"""The findings of one rule as a readable list: the first ones each, the others as one; or one that says that all is well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arcops.finding import Finding, Outcome

MOST = 200
"""Findings of one rule that are listed one by one. One more finding counts the rest, and is as bad as they are."""

REST = "{count} more are not listed here."


def listed(findings: Iterable[Finding], well: Finding, *, rest: str = REST, most: int = MOST) -> Iterator[Finding]:
    """The first *most* of *findings* and one for all others, with the text *rest* (``{count}``); *well* if there is no
    finding.
    """
    return answered(capped(findings, rest=rest, most=most), well)


def answered(findings: Iterable[Finding], well: Finding) -> Iterator[Finding]:
    """All of *findings*; *well* if there is no finding."""
    yield from list(findings) or [well]


def capped(findings: Iterable[Finding], *, rest: str = REST, most: int = MOST) -> Iterator[Finding]:
    """The first *most* of *findings*, then one as bad as the worst of the others, with the text *rest* (``{count}``)."""
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
            # Unlisted failures are UNKNOWN, so that a waiver without an ``about`` does not cover them all.
            outcome=Outcome.WARN if worst.outcome is Outcome.WARN else Outcome.UNKNOWN,
            text=rest.format(count=len(others)),
            cites=worst.cites,
            fix=worst.fix,
        )
