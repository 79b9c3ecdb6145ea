"""Does the endpoint answer every request of a known load completely and in time, alone and beside other models?

Why: A model that was checked and placed is useful only if it answers. One answer in a demonstration says nothing about ten at
once, about what a second model on the same device costs the first, or about answers that break off.

Judged: requests that follow from a seed, at several concurrencies and arriving at random; every request counts, failed ones
too. The aims are the policy's, or the check's own if they are stricter. A run that could not be made or timed is UNKNOWN. Also:
calls of tools, if they were asked for; what the server reports about its models and health, how long it takes to load a model,
and how much memory is left during the load.

Fix: Read the runs in the evidence: errors first, then the lowest concurrency that misses an aim. Give the model more of the
device, limit how many requests the server takes at once, or place models apart; then check again with the same seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from arcops.control import gdpr, nist, soc
from arcops.endpoint import Slo
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.inference import Fault, Inference, LoadRun, RunKind, Shot
from arcops.subjects.inference import LoadedEndpoint
from gates.breach import weighed
from gates.inference.inference import server
from gates.inference.inference.policy import InferencePolicy
from gates.inference.inference.server import HEADROOM, LISTED, LOAD_TIME, READY
from gates.inference.inference.tools import TOOLS, called
from gates.words import shown

MEASURED = Rule(
    id="inference/measured",
    asks="Were all planned requests made, on time and in sufficient number, and could the answers be timed?",
    fix="Plan fewer requests or give a larger budget, ask for more tokens, and measure from a machine that is not busy.",
)
ERRORS = Rule(
    id="inference/errors",
    asks="Did every request get a complete and well-formed answer?",
    fix="Find the kind of error in the server's log; limit how many requests it takes at once, or give it more memory.",
)
SLO = Rule(
    id="inference/slo",
    asks="Did enough requests of every run meet every aim (goodput)?",
    fix="Find the lowest concurrency or rate that misses an aim, and stay below it, or give the model more of the device.",
)
INTERFERENCE = Rule(
    id="inference/interference",
    asks="Does every model stay fast enough while all models work?",
    fix="Place each model on its own device or MIG instance, or limit how many requests each takes at once.",
)
DETERMINISM = Rule(
    id="inference/determinism",
    asks="Did the same prompt, decoded greedily, give the same answer twice?",
    fix="Turn off sampling defaults and batch-dependent kernels in the server, or set the policy's 'determinism' to 'warn'.",
)
COUNTED = Rule(
    id="inference/counted",
    asks="Does the server count the tokens of each answer, and are they no more than were asked for?",
    fix="Use a server that sends usage at the end of the stream (stream_options.include_usage).",
)

_GRAVE = (Fault.MALFORMED, Fault.ENDLESS, Fault.TOO_LARGE)
_LOADED = (RunKind.CLOSED, RunKind.OPEN, RunKind.TOGETHER)


@gate(
    "inference",
    judges=(LoadedEndpoint,),
    needs=(Inference,),
    policy=InferencePolicy,
    rules=(LISTED, READY, MEASURED, ERRORS, SLO, INTERFERENCE, DETERMINISM, COUNTED, TOOLS, LOAD_TIME, HEADROOM),
    speaks_to=nist("SC-5(2)") + soc("A1.1") + gdpr("Art. 32(1)(b)"),
)
def inference(seen: Seen, policy: InferencePolicy) -> Iterator[Finding]:
    found = seen[Inference]
    yield from server.listed(found)
    yield from server.ready(found, policy)
    yield from _measured(found, policy)
    for model in found.body.load.models:
        yield from _errors(found, model, policy)
        yield from _counted(found, model, policy)
        yield from _repeated(found, model, policy)
        for run in _runs(found.body, model, _LOADED):
            yield from _kept(found, run, policy)
    yield from _interference(found, policy)
    yield from called(found, policy)
    yield from server.load_time(found, policy)
    yield from server.headroom(found, policy)


def aims(policy: InferencePolicy, slo: Slo) -> tuple[tuple[str, int], ...]:
    """Each aim and its figure in microseconds: the policy's or the check's own, the stricter of the two."""
    decided = (("ttft", policy.most_ttft), ("itl", policy.most_itl), ("tpot", policy.most_tpot), ("e2e", policy.most_e2e))
    both = ((name, [one for one in (most * 1000, getattr(slo, name)) if one]) for name, most in decided)
    return tuple((name, min(figures)) for name, figures in both if figures)


def _runs(body: Inference, model: str, kinds: tuple[RunKind, ...]) -> list[LoadRun]:
    return [run for run in body.runs if run.model == model and run.kind in kinds]


def _measured(found: Evidence[Inference], policy: InferencePolicy) -> Iterator[Finding]:
    complete = True
    for model in found.body.load.models:
        for problem in _gaps_in(found.body, model, policy):
            complete = False
            yield MEASURED.unknown(f"{problem}.", found, about=model)
    if complete:
        yield MEASURED.passes(f"All {found.body.load.planned} planned requests were made and timed.", found)


def _gaps_in(body: Inference, model: str, policy: InferencePolicy) -> Iterator[str]:
    load = body.load
    planned = [(RunKind.WARM_UP, 1), (RunKind.REPEATED, 1)]
    planned += [(RunKind.CLOSED, many) for many in load.concurrencies] + [(RunKind.OPEN, rate) for rate in load.rates]
    if len(load.models) > 1:
        planned.append((RunKind.TOGETHER, load.concurrencies[0]))
    for kind, figure in planned:
        run = body.run(kind, model, figure)
        if run is None or not run.shots:
            absent = LoadRun(kind=kind, model=model, figure=figure, shots=())
            yield f"{shown(absent.title)}: this run was not made"
            continue
        title = shown(run.title)
        left = sum(shot.fault is Fault.NOT_RUN for shot in run.shots)
        if left:
            yield f"{title}: {left} of {len(run.shots)} requests had not ended when the time of the check was over"
        if kind not in _LOADED:
            continue
        if len(run.shots) < policy.least_requests:
            yield f"{title}: {len(run.shots)} requests are too few to judge; the policy requires {policy.least_requests}"
        late = max(shot.late for shot in run.shots)
        if late > policy.most_late * 1000:
            yield f"{title}: this machine sent a request {_ms(late)} late, so the times include this machine's delay"
        whole = [shot for shot in run.shots if shot.whole]
        paced = dict(aims(policy, load.slo)).keys() & {"itl", "tpot"}
        if whole and paced and 2 * sum(_paced(shot) for shot in whole) < len(whole):
            yield f"{title}: most answers came in one piece or as one token, so the time per token cannot be measured"


def _paced(shot: Shot) -> bool:
    return bool(shot.gaps) and shot.tpot is not None


def _errors(found: Evidence[Inference], model: str, policy: InferencePolicy) -> Iterator[Finding]:
    shots = [shot for run in found.body.runs if run.model == model for shot in run.shots]
    made = [shot for shot in shots if shot.fault is not Fault.NOT_RUN]
    bad = Counter(shot.fault for shot in made if shot.fault is not None)
    if not made:
        yield ERRORS.unknown(f"No request to {shown(model)} was made.", found, about=model)
        return
    if not bad:
        yield ERRORS.passes(f"All {len(made)} requests to {shown(model)} got a complete answer.", found, about=model)
        return
    kinds = ", ".join(f"{count} {fault.value}" for fault, count in bad.most_common())
    first = next(shot.said for shot in made if shot.fault is bad.most_common(1)[0][0])
    embeds = (
        "; it gives embeddings, so it is a model for these and not for text"
        if f"{model}: embeddings" in found.body.offers
        else ""
    )
    text = f"{bad.total()} of {len(made)} requests to {shown(model)} failed ({kinds}): {shown(first)}{embeds}."
    if any(fault in _GRAVE for fault in bad) or bad.total() * 100 > policy.most_failed * len(made):
        yield ERRORS.fails(text, found, about=model)
    else:
        yield ERRORS.warns(text, found, about=model)


def _counted(found: Evidence[Inference], model: str, policy: InferencePolicy) -> Iterator[Finding]:
    whole = [shot for run in found.body.runs if run.model == model for shot in run.shots if shot.whole]
    if not whole:
        yield COUNTED.unknown(f"{shown(model)} gave no answer whose tokens could be counted.", found, about=model)
        return
    wrong = [shot for shot in whole if shot.tokens is not None and not 0 < shot.tokens <= shot.asked]
    silent = sum(shot.tokens is None for shot in whole)
    if wrong:
        text = f"{shown(model)} was asked for at most {wrong[0].asked} tokens, but the server counts {wrong[0].tokens}."
        yield COUNTED.fails(text, found, about=model)
    if silent:
        text = (
            f"The server did not count the tokens of {silent} of {len(whole)} answers of {shown(model)}; ArcOps counted"
            f" stream events{_left_out(found.body, model)}."
        )
        yield weighed(COUNTED, policy.uncounted, text, found, about=model)
    if not wrong and not silent:
        text = f"The server counts the tokens of every answer of {shown(model)}{_left_out(found.body, model)}."
        yield COUNTED.passes(text, found, about=model)


def _left_out(body: Inference, model: str) -> str:
    """What the requests to *model* lacked, because its server refused it."""
    parts = [one.removeprefix(f"{model}: ") for one in body.left_out if one.startswith(f"{model}: ")]
    return (
        f" (the server refused these parts of the request, so they were left out: {shown(', '.join(parts))})" if parts else ""
    )


def _repeated(found: Evidence[Inference], model: str, policy: InferencePolicy) -> Iterator[Finding]:
    run = found.body.run(RunKind.REPEATED, model, 1)
    whole = [shot for shot in run.shots if shot.whole] if run is not None else []
    if len(whole) < 2:
        yield DETERMINISM.unknown(f"{shown(model)} did not answer the same prompt twice.", found, about=model)
    elif len({(shot.text, shot.finish) for shot in whole}) > 1:
        text = f"{shown(model)} gave different answers to the same prompt{_left_out(found.body, model)}."
        yield weighed(DETERMINISM, policy.determinism, text, found, about=model)
    else:
        yield DETERMINISM.passes(f"{shown(model)} gave the same answer to the same prompt twice.", found, about=model)


def _kept(found: Evidence[Inference], run: LoadRun, policy: InferencePolicy) -> Iterator[Finding]:
    targets = aims(policy, found.body.load.slo)
    good = sum(_keeps(shot, targets) for shot in run.shots)
    misses = Counter(name for shot in run.shots if shot.whole for name, most in targets if _over(shot, name, most))
    many, title = len(run.shots), shown(run.title)
    figures = ", ".join(
        f"{name} p50 {_ms(run.middle(name))}, p95 {_ms(run.middle(name, 95))} (aim {_ms(most)})" for name, most in targets
    )
    flow = "-" if run.throughput is None else f"{run.throughput / 1000:.1f}"
    text = f"{title}: {good} of {many} requests met every aim; {figures}; {flow} tokens/s"
    if misses["tpot"] and (short := [shot for shot in run.shots if shot.whole and 0 < shot.later < shot.count - 1]):
        seen_of = f"{sum(shot.later for shot in short)} of {sum(shot.count - 1 for shot in short)}"
        text += f"; only {seen_of} tokens can be shown to have come after the first text, so tpot is counted by these"
    if misses:
        text += f"; missed: {', '.join(f'{name} {count}' for name, count in sorted(misses.items()))}"
    most = policy.most_rate if run.kind is RunKind.OPEN else policy.most_concurrency
    if not many or not any(shot.whole for shot in run.shots):
        yield SLO.unknown(f"{title}: no request got a complete answer.", found, about=run.title)
    elif most and run.figure > most:
        yield SLO.passes(f"{text}; this is above the load that the policy requires.", found, about=run.title)
    elif good * 100 < policy.least_good * many:
        yield SLO.fails(f"{text}.", found, about=run.title)
    elif good * 100 < policy.warn_good * many:
        yield SLO.warns(f"{text}.", found, about=run.title)
    else:
        yield SLO.passes(f"{text}.", found, about=run.title)


def _figure(shot: Shot, name: str) -> int | None:
    figure: int | None = shot.first if name == "ttft" else getattr(shot, name)
    return figure


def _over(shot: Shot, name: str, most: int) -> bool:
    """An answer of one token has no time per token, so it cannot miss that aim; `_gaps_in` checks that most answers
    have one.
    """
    figure = _figure(shot, name)
    return figure is not None and figure > most


def _keeps(shot: Shot, targets: tuple[tuple[str, int], ...]) -> bool:
    return shot.whole and not any(_over(shot, name, most) for name, most in targets)


def _interference(found: Evidence[Inference], policy: InferencePolicy) -> Iterator[Finding]:
    body, many = found.body, found.body.load.concurrencies[0]
    if len(body.load.models) < 2:
        yield INTERFERENCE.passes("Only one model was loaded, so no other model can disturb it.", found)
        return
    for model in body.load.models:
        alone, together = body.run(RunKind.CLOSED, model, many), body.run(RunKind.TOGETHER, model, many)
        ratios = {name: ratio for name in ("ttft", "tpot") if (ratio := _ratio(alone, together, name)) is not None}
        if len(ratios) < 2:
            yield INTERFERENCE.unknown(
                f"{shown(model)} could not be timed both alone and together with the others.", found, about=model
            )
            continue
        worst = max(ratios.values())
        said = " and ".join(f"its {name} is {ratio / 100:.2f} times" for name, ratio in ratios.items())
        text = f"{shown(model)}: while all {len(body.load.models)} models work, {said} its figure alone."
        if worst > policy.most_interference:
            yield INTERFERENCE.fails(text, found, about=model)
        elif worst > policy.warn_interference:
            yield INTERFERENCE.warns(text, found, about=model)
        else:
            yield INTERFERENCE.passes(text, found, about=model)


def _ratio(alone: LoadRun | None, together: LoadRun | None, name: str) -> int | None:
    """Percent, rounded up."""
    if alone is None or together is None:
        return None
    before, beside = alone.middle(name), together.middle(name)
    return -(-beside * 100 // before) if before and beside is not None else None


def _ms(micro: int | None) -> str:
    return "-" if micro is None else f"{micro / 1000:.1f} ms"
