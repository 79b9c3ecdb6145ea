"""How grave a breach is, if the policy decides it."""

from __future__ import annotations

from enum import Enum

from arcops.finding import Cited, Finding, Outcome, Rule


class Weight(Enum):
    """What a breach becomes: RED, AMBER, or a pass."""

    FAIL = "fail"
    WARN = "warn"
    PASS = "pass"  # noqa: S105  # an outcome, not a password

    @property
    def outcome(self) -> Outcome:
        return {Weight.FAIL: Outcome.FAIL, Weight.WARN: Outcome.WARN, Weight.PASS: Outcome.PASS}[self]


def weighed(rule: Rule, weight: Weight, text: str, *cites: Cited, about: str = "") -> Finding:
    """A finding about what was seen, as grave as *weight* says."""
    say = {Weight.FAIL: rule.fails, Weight.WARN: rule.warns}.get(weight)
    return say(text, *cites, about=about) if say else rule.passes(text, *cites, about=about)


def doubted(rule: Rule, weight: Weight, text: str, *cites: Cited) -> Finding:
    """A finding about what was not seen, as grave as *weight* says; if that is RED, it is UNKNOWN."""
    return rule.unknown(text, *cites) if weight is Weight.FAIL else weighed(rule, weight, text, *cites)
