"""Do these models fit together on these GPUs, with the concurrency and the times that they must hold?

Why: a model that does not fit ends when it starts, or at the first long request. Each model alone may fit, and all together
not: engines take a share of the whole memory, measure what is free while others start, and keep caches of very different size.

Judged: from headers and configurations alone, how many bytes each part of each copy needs on its GPU: weights as the engine
loads them, the cache for the wanted context and concurrency, and what the engine takes besides. Exact figures are exact;
others are from least to most, with sources. A placement that holds at worst, with the policy's spare, is GREEN; one that
holds only at best, or with less spare, is AMBER; none is RED. What could not be read is RED. If an endpoint was measured,
the plan is held against it.

Fix: give the engine a smaller share or the cache a smaller type, ask for less context or fewer requests, split the model over
more GPUs, or leave one out. The findings say how much is lacking, and where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding
from arcops.gate import gate
from arcops.seen.engine_profile import Takes
from arcops.seen.fit import FitSeen
from arcops.seen.fit_model import ModelSeen
from arcops.subjects.fit import Fit
from gates.fit.fit.demand import Demand, demands, unplanned
from gates.fit.fit.devices import Device, devices, unknown_devices
from gates.fit.fit.holding import context_findings, goal_findings, hold_findings
from gates.fit.fit.measuring import measured_findings
from gates.fit.fit.placing import Copy, Placed, TooMany, copies, fits_alone, placement
from gates.fit.fit.policy import FitPolicy
from gates.fit.fit.rules import MEMORY, PLACED, READ, RULES
from gates.fit.fit.sizes import Span, gib
from gates.fit.fit.starting import besides, started_findings


@gate(
    "fit",
    judges=(Fit,),
    needs=(FitSeen,),
    policy=FitPolicy,
    rules=RULES,
    looks_inside=False,
    speaks_to=nist("CM-3", "SC-5", "CP-2(2)") + soc("A1.1"),
)
def fit(seen: Seen, policy: FitPolicy) -> Iterator[Finding]:
    """The findings on each model, on the placement, on each device, and on what was measured."""
    found = seen[FitSeen]
    body = found.body
    yield from _read(found)
    planned = demands(body)
    wanted, there = copies(planned), devices(body)
    problems = unknown_devices(body)
    for problem in problems:
        yield PLACED.unknown(problem, found)
    whole = len(planned) == len(body.wanted.models) and not problems
    placed: Placed | None = None
    try:
        placed = placement(wanted, there, policy.spare, besides(body, planned, policy)) if whole else None
    except TooMany:
        whole = False
        yield PLACED.unknown(
            "The search for a placement did not end: there are too many ways. Say with 'on' where the models are to be.", found
        )
    if placed is not None:
        yield from _placed(placed, policy, found)
    elif whole:
        yield from _nowhere(wanted, there, found)
    else:
        if not problems and len(planned) != len(body.wanted.models):
            yield PLACED.unknown("Not all models are known, so no placement was searched.", found)
        yield MEMORY.unknown("No placement is known, so it is not known what is left.", found)
    yield from context_findings(body, planned, found)
    yield from hold_findings(planned, placed, policy, found)
    yield from goal_findings(body, planned, placed, policy, found)
    yield from started_findings(placed, policy, found)
    yield from measured_findings(body, placed, policy, found)


def _read(found: Evidence[FitSeen]) -> Iterator[Finding]:
    """Is each model known as a whole, and do configuration and headers say the same?"""
    body = found.body
    engines = {one.engine: one for one in body.engines}
    models = {one.name: one for one in body.models}
    for wanted in body.wanted.models:
        model = models.get(wanted.name)
        if model is None:
            yield READ.unknown(f"{wanted.name}: its files were not read.", found, about=wanted.name)
            continue
        problems = [*model.problems, *(f"adapter {one.path}: {one.problem}" for one in model.adapters if one.problem)]
        for problem in problems:
            yield READ.unknown(f"{wanted.name}: {problem}.", found, about=wanted.name)
        for said in model.contradictions:
            yield READ.fails(f"{wanted.name}: {said}.", found, about=wanted.name)
        if problems or model.contradictions:
            continue
        if why := unplanned(wanted, model, engines):
            yield READ.fails(f"{wanted.name}: {why}.", found, about=wanted.name)
        else:
            yield READ.passes(f"{wanted.name}: {_known(model)}.", found, about=wanted.name)


def _known(model: ModelSeen) -> str:
    weights, said = model.weights, model.architecture
    if weights is None or said is None:
        return "it was not read"
    types: dict[str, int] = {}
    for count, part in weights.parts:
        types[part.dtype] = types.get(part.dtype, 0) + count * part.bytes
    listed = ", ".join(f"{dtype} {gib(size)}" for dtype, size in sorted(types.items(), key=lambda item: -item[1])[:4])
    experts = f", {said.experts} experts" if said.experts else ""
    files = f"{weights.form.value} of {weights.files} file(s), {gib(weights.bytes)} ({listed})"
    return f"{files}; {said.family}, {said.layers} layers{experts}"


def _placed(placed: Placed, policy: FitPolicy, found: Evidence[FitSeen]) -> Iterator[Finding]:
    for copy, where in placed.copies:
        yield PLACED.passes(f"{copy.title} is on {', '.join(one.name for one in where)}.", found, about=copy.model)
    for device in sorted({device for _, where in placed.copies for device in where}, key=lambda one: one.name):
        parts = list(placed.on(device))
        taken = placed.taken(device)
        whole = Span(device.memory.least - device.reserved, device.memory.most - device.reserved)
        what = "; ".join(f"{copy.model}: {_part(part)}" for copy, part in parts)
        left = whole.least - taken.most
        said = f"{device.title}: {taken} of {whole} taken ({what})"
        if left * 100 >= device.memory.least * policy.spare:
            yield MEMORY.passes(f"{said}; at least {gib(left)} are left.", found, about=device.name)
        elif left >= 0:
            text = f"{said}; {gib(left)} may be all that is left, less than the {policy.spare} % that the policy wants."
            yield MEMORY.warns(text, found, about=device.name)
        else:
            text = f"{said}: it holds only if less is taken than may be; at worst {gib(-left)} are lacking."
            yield MEMORY.warns(text, found, about=device.name)


def _part(part: Demand) -> str:
    share = f"memoryFraction {part.wanted.share / 1000:g}, " if part.wanted.share > 0 else ""
    return f"{share}weights {part.weights}, cache {part.cache}, besides {part.work + part.context}"


def _nowhere(wanted: tuple[Copy, ...], places: tuple[Device, ...], found: Evidence[FitSeen]) -> Iterator[Finding]:
    """Which copy fits nowhere, or that all together do not."""
    alone = [copy for copy in wanted if not fits_alone(copy, places)]
    named: Mapping[str, Copy] = {copy.model: copy for copy in alone}
    largest = max((one.memory.most - one.reserved for one in places), default=0)
    for copy in named.values():
        part = max(copy.parts, key=lambda one: one.least)
        where = f" on {', '.join(copy.pinned)}" if copy.pinned else ""
        need = f"it needs at least {gib(part.least)} on each of {len(copy.parts)} GPU(s) ({_part(part)})"
        yield PLACED.fails(
            f"{copy.title} fits nowhere{where}: {need}, and the largest has {gib(largest)}.", found, about=copy.model
        )
    if not named:
        least = sum(part.least for copy in wanted for part in copy.parts)
        whole = sum(one.memory.most - one.reserved for one in places)
        shares = sorted({f"{copy.model} {share / 1000:g}" for copy in wanted if (share := _share(copy))})
        taking = f", and their engines take shares of it ({'; '.join(shares)})" if shares else ""
        need = f"they need at least {gib(least)} of {gib(whole)}, each part on one device{taking}"
        text = f"Each copy fits alone, and all {len(wanted)} together do not: {need}."
        yield PLACED.fails(text, found)
    yield MEMORY.fails("Without a placement, nothing is left: the memory is not enough.", found)


def _share(copy: Copy) -> int:
    """The share that the engine of *copy* takes, in thousandths, whatever it needs; 0 if it takes what it needs."""
    stage = copy.stages[0]
    if stage.wanted.share < 0 or stage.engine.takes is Takes.NEEDED:
        return 0
    return stage.wanted.share or (stage.engine.share.most if stage.engine.share is not None else 0)
