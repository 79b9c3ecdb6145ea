"""How gates say paths and lists to people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arcops.finding import Finding, Outcome

MOST = 200
"""Findings of one rule that are listed one by one; the rest are counted in one more, which is as bad."""


def shown(path: str) -> str:
    """*path* on one line, with what can't be printed escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in path)


def capped(findings: Iterable[Finding], rest: str) -> Iterator[Finding]:
    """The first `MOST` of *findings*, then the worst of the others as one, saying *rest* with ``{count}``."""
    others: list[Finding] = []
    for count, finding in enumerate(findings):
        if count < MOST:
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
