"""Which models should not share a device: engines that measure what is free must not start at the same time on one device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arcops.evidence import Evidence
from arcops.finding import Finding, Outcome
from arcops.seen.fit import FitSeen
from arcops.seen.fit_wanted import Wanted
from gates.fit.fit.demand import Demand
from gates.fit.fit.holding import goal_outcomes
from gates.fit.fit.placing import Besides, Placed, pair
from gates.fit.fit.policy import FitPolicy
from gates.fit.fit.rules import STARTED

_BAD = {Outcome.PASS: 0, Outcome.WARN: 1, Outcome.FAIL: 2, Outcome.UNKNOWN: 2}


def besides(body: FitSeen, planned: Mapping[str, tuple[Demand, ...]], policy: FitPolicy) -> Besides:
    """What a placement must hold besides memory: the order of starts, and the goals for time."""
    asked = any(one.slo.tpot or one.slo.ttft for one in body.wanted.models)

    def judged(placed: Placed) -> int:
        return max((_BAD[outcome] for outcome in goal_outcomes(body, placed, policy)), default=0)

    return Besides(apart=unordered(body.wanted, planned), how_bad=2 if policy.ordered else 1, judged=judged if asked else None)


def unordered(wanted: Wanted, planned: Mapping[str, tuple[Demand, ...]]) -> frozenset[tuple[str, str]]:
    """Pairs of models of which nothing says which starts first, though one of them measures free memory when it starts. Copies
    of one model are such a pair, too.
    """
    waits = {one.name: one.after for one in wanted.models}
    before: dict[str, set[str]] = {}

    def earlier(name: str) -> set[str]:
        if name not in before:
            before[name] = set(waits[name]).union(*(earlier(other) for other in waits[name]))
        return before[name]

    found = set()
    for one, stages in planned.items():
        for other, its in planned.items():
            measures = stages[0].engine.measures or its[0].engine.measures
            if measures and one not in earlier(other) and other not in earlier(one):
                found.add(pair(one, other))
    return frozenset(found)


def started_findings(placed: Placed | None, policy: FitPolicy, found: Evidence[FitSeen]) -> Iterator[Finding]:
    """Which engines share a device without an order."""
    if placed is None:
        yield STARTED.unknown("Without a placement it is not known which engines share a device.", found)
        return
    apart = unordered(found.body.wanted, {copy.model: copy.stages for copy, _ in placed.copies})
    told: set[tuple[str, str]] = set()
    for device in sorted({device for _, on in placed.copies for device in on}, key=lambda one: one.name):
        here = [copy.model for copy, _ in placed.on(device)]
        for number, one in enumerate(here):
            for both in {pair(one, other) for other in here[number + 1 :]} & apart - told:
                told.add(both)
                who = f"{both[0]} and {both[1]}" if both[0] != both[1] else f"Copies of {one}"
                text = f"{who} share {device.name}, and nothing says which starts first."
                yield (STARTED.fails if policy.ordered else STARTED.warns)(text, found, about=device.name)
    if not told:
        yield STARTED.passes("No two engines that measure free memory start at once on one device.", found)
