"""How many requests each placed copy holds, and how many of them its goals for time leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arcops.evidence import Evidence
from arcops.finding import Finding, Outcome
from arcops.seen.fit import FitSeen
from gates.fit.fit.demand import Demand, claim
from gates.fit.fit.devices import Device
from gates.fit.fit.goals import first_token, pace
from gates.fit.fit.keeping import needed
from gates.fit.fit.placing import Copy, Placed
from gates.fit.fit.policy import FitPolicy
from gates.fit.fit.rules import CONTEXT, GOALS, HELD
from gates.fit.fit.sizes import gib

_MOST = 1 << 20
"""No engine holds more requests."""


def context_findings(body: FitSeen, planned: Mapping[str, tuple[Demand, ...]], found: Evidence[FitSeen]) -> Iterator[Finding]:
    for wanted in body.wanted.models:
        stages = planned.get(wanted.name)
        if not stages:
            yield CONTEXT.unknown(f"{wanted.name}: its configuration is not known.", found, about=wanted.name)
            continue
        positions = stages[0].said.positions
        if positions and wanted.context > positions:
            text = f"{wanted.name}: {wanted.context:,} tokens are wanted, and its configuration allows {positions:,}."
            yield CONTEXT.fails(text, found, about=wanted.name)
        else:
            said = f"of {positions:,} that it allows" if positions else "and its configuration names no limit"
            yield CONTEXT.passes(f"{wanted.name}: {wanted.context:,} tokens are wanted, {said}.", found, about=wanted.name)


def hold_findings(
    planned: Mapping[str, tuple[Demand, ...]], placed: Placed | None, policy: FitPolicy, found: Evidence[FitSeen]
) -> Iterator[Finding]:
    """How many requests each model holds at once."""
    if placed is None:
        yield HELD.unknown("Without a placement it is not known how many requests are held.", found)
        return
    for name, stages in planned.items():
        wanted = stages[0].wanted
        own = [(copy, where) for copy, where in placed.copies if copy.model == name]
        worst = min((_held(copy, where, placed, cautious=True) for copy, where in own), default=0)
        best = min((_held(copy, where, placed, cautious=False) for copy, where in own), default=0)
        each = max(needed(one.said, one.wanted, one.engine, one.stage, one.dtype, 1).most for one in stages)
        if not each:
            yield HELD.passes(f"{name}: it keeps nothing for a request.", found, about=name)
            continue
        said = f"{worst:,}" if worst == best or worst >= _MOST else f"{worst:,} to {best:,}"
        text = (
            f"{name}: {said} requests of {wanted.context:,} tokens at once have room "
            f"({gib(each)} each on a GPU, in {stages[0].dtype})"
            f"{f', in each of {wanted.replicas} copies' if wanted.replicas > 1 else ''}; {wanted.concurrency:,} are wanted"
        )
        if worst >= wanted.concurrency:
            yield HELD.passes(f"{text}.", found, about=name)
        elif best >= wanted.concurrency:
            yield HELD.warns(f"{text}: that many only if less is taken than may be.", found, about=name)
        else:
            yield HELD.fails(f"{text}.", found, about=name)


def _held(copy: Copy, where: tuple[Device, ...], placed: Placed, *, cautious: bool) -> int:
    """How many requests *copy* has room for: as many as its tightest device."""
    found = _MOST
    for part, device in zip(copy.parts, where, strict=True):
        memory = device.memory.least if cautious else device.memory.most
        mine = claim(placed.settled(part, device), memory, cautious=cautious)
        pool = mine.pool
        if not mine.share:  # it takes what it needs, so what is left is for it, too
            others = placed.taken(device).most if cautious else placed.taken(device).least
            pool += max(0, memory - device.reserved - others)
        found = min(found, _requests(part, pool, cautious=cautious))
    return found


def _requests(part: Demand, pool: int, *, cautious: bool) -> int:
    """The most requests whose cache fits into *pool* bytes; by halving, because windows and padding are no straight line."""

    def needs(requests: int) -> int:
        span = needed(part.said, part.wanted, part.engine, part.stage, part.dtype, requests)
        return span.most if cautious else span.least

    low, high = 0, _MOST
    while low < high:
        middle = (low + high + 1) // 2
        if needs(middle) <= pool:
            low = middle
        else:
            high = middle - 1
    return low


def goal_findings(
    body: FitSeen,
    planned: Mapping[str, tuple[Demand, ...]],
    placed: Placed | None,
    policy: FitPolicy,
    found: Evidence[FitSeen],
) -> Iterator[Finding]:
    """What the goals for time leave of the concurrency."""
    asked = [one for one in body.wanted.models if one.slo.tpot or one.slo.ttft]
    if not asked:
        yield GOALS.passes("No model has a goal for time.", found)
    elif placed is None:
        yield GOALS.unknown("Without a placement it is not known what the goals for time cost.", found)
    else:
        for wanted in asked:
            for copy, where in placed.copies:
                if copy.model == wanted.name:
                    yield from _goals(body, copy, where, placed, policy, found)


def goal_outcomes(body: FitSeen, placed: Placed, policy: FitPolicy) -> Iterator[Outcome]:
    """How well each goal is kept in a placement, without a sentence about it."""
    for copy, on in placed.copies:
        wanted = copy.stages[0].wanted
        if wanted.slo.tpot:
            yield _paced(body, copy, on, placed, policy)[0]
        if wanted.slo.ttft:
            yield _prompted(body, copy, on, policy)[0]


def _paced(
    body: FitSeen, copy: Copy, on: tuple[Device, ...], placed: Placed, policy: FitPolicy
) -> tuple[Outcome, int, int, int]:
    """If the goal for a token can be kept; how many requests could keep it, how many are likely to; how many copies share the
    most shared device.
    """
    wanted = copy.stages[0].wanted
    model = next(one for one in body.models if one.name == copy.model)
    shared = [len(list(placed.on(device))) for device in on]
    most = pace(model, copy.stages, on, [1] * len(on), 100).most(wanted.slo.tpot)
    likely = pace(model, copy.stages, on, shared, policy.reach).most(wanted.slo.tpot)
    outcome = (
        Outcome.FAIL if 0 <= most < wanted.concurrency else Outcome.WARN if 0 <= likely < wanted.concurrency else Outcome.PASS
    )
    return outcome, most, likely, max(shared)


def _prompted(body: FitSeen, copy: Copy, on: tuple[Device, ...], policy: FitPolicy) -> tuple[Outcome, int, int]:
    """If the goal for the first token can be kept; microseconds at best, and as is likely."""
    wanted = copy.stages[0].wanted
    model = next(one for one in body.models if one.name == copy.model)
    times = [first_token(model, copy.stages[0], device, 100) for device in on]
    if not all(times):
        return Outcome.UNKNOWN, 0, 0
    best = max(times)
    likely = best * 100 // policy.reach
    return Outcome.FAIL if best > wanted.slo.ttft else Outcome.WARN if likely > wanted.slo.ttft else Outcome.PASS, best, likely


def _goals(
    body: FitSeen, copy: Copy, on: tuple[Device, ...], placed: Placed, policy: FitPolicy, found: Evidence[FitSeen]
) -> Iterator[Finding]:
    wanted = copy.stages[0].wanted
    if wanted.slo.tpot:
        outcome, most, likely, shared = _paced(body, copy, on, placed, policy)
        held = _held(copy, on, placed, cautious=True)
        goal = f"{wanted.slo.tpot / 1000:g} ms a token"
        if outcome is Outcome.FAIL:
            text = f"{copy.title}: {goal} is not possible: even alone at full bandwidth {most:,} requests could keep it"
        else:
            text = f"{copy.title}: of the {held:,} requests that have room, {goal} leaves {_many(likely, held)}"
            text += f" at {policy.reach} % of the bandwidth" + (f" that {shared} copies share" if shared > 1 else "")
        yield _said(outcome, f"{text}; {wanted.concurrency:,} are wanted.", copy, found)
    if wanted.slo.ttft:
        outcome, best, likely = _prompted(body, copy, on, policy)
        if outcome is Outcome.UNKNOWN:
            text = f"the profile of {on[0].profile.sku} has no figure for a goal for the first token"
        else:
            text = f"a prompt of {wanted.slo.prompt:,} tokens takes at least {best / 1000:,.1f} ms, {likely / 1000:,.1f} ms at "
            text += f"{policy.reach} % of what the GPU can do; {wanted.slo.ttft / 1000:g} ms are wanted"
        yield _said(outcome, f"{copy.title}: {text}.", copy, found)


def _said(outcome: Outcome, text: str, copy: Copy, found: Evidence[FitSeen]) -> Finding:
    how = {Outcome.PASS: GOALS.passes, Outcome.WARN: GOALS.warns, Outcome.FAIL: GOALS.fails, Outcome.UNKNOWN: GOALS.unknown}
    return how[outcome](text, found, about=copy.model)


def _many(likely: int, held: int) -> str:
    return f"all {held:,}" if likely < 0 or likely >= held else f"{likely:,} (it costs {held - likely:,})"
