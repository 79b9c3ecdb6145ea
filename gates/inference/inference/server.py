"""Part of gate ``inference``: what a server reports about its models, health and loading, and the memory that is left."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.inference import Inference, Listing
from arcops.seen.inference_server import HEALTH, Flavour, RoomLeft, When
from gates.breach import doubted
from gates.inference.inference.policy import InferencePolicy
from gates.words import shown

LISTED = Rule(
    id="inference/listed",
    asks="Does the endpoint list every model that was asked for?",
    fix="Use the model ids as the endpoint lists them, and load those that are missing; "
    "Foundry Local on a device loads them by alias with --load.",
)
READY = Rule(
    id="inference/ready",
    asks="Does the server report that it is healthy and ready, before and after the load?",
    fix="Read the server's log; wait until it is ready, and find out what failed under load.",
)
LOAD_TIME = Rule(
    id="inference/load-time",
    asks="Does every model load fast enough after it was unloaded?",
    fix="Use --load if the server can load models (Foundry Local on a device); keep the files on a faster disk.",
)
HEADROOM = Rule(
    id="inference/headroom",
    asks="Is enough memory left while the models are under load?",
    fix="Run the check on the serving machine, or read the server's own figure with --metrics. "
    "If too little is left, use fewer or smaller models, shorter contexts, or more memory.",
)

_FEWEST_SAMPLES = 2
_MIB = 1024 * 1024


def listed(found: Evidence[Inference]) -> Iterator[Finding]:
    body = found.body
    if body.listing is Listing.NONE:
        yield LISTED.unknown(f"The endpoint lists no models: {shown(body.listing_said)}.", found)
        return
    absent = [model for model in body.load.models if not _is_listed(body, model)]
    for model in absent:
        there = ", ".join(shown(name) for name in body.listed[:5]) or "none"
        yield LISTED.fails(f"{shown(model)} is not among the {len(body.listed)} model(s) listed: {there}.", found, about=model)
    if not absent:
        text = f"{body.listing.value} of {body.server.flavour.value} lists every model that was asked for"
        yield LISTED.passes(f"{text}; it does not show which files they use.", found)


def _is_listed(body: Inference, model: str) -> bool:
    served = body.server.named(model)
    return served is not None and bool(served.id) and served.id in body.listed


def ready(found: Evidence[Inference], policy: InferencePolicy) -> Iterator[Finding]:
    server = found.body.server
    if server.flavour is Flavour.UNREACHED:
        yield READY.unknown("The server could not be reached, so its health is not known.", found)
        return
    asked = [(path, when) for when in When for path in HEALTH[server.flavour]]
    if not asked:
        text = f"ArcOps knows no health route for a server of the kind {server.flavour.value}."
        # It was not seen to be healthy, nor to be unhealthy.
        yield doubted(READY, policy.without_health, text, found)
        return
    told = {(probe.path, probe.when): probe for probe in server.probes}
    bad = False
    for path, when in asked:
        probe = told.get((path, when))
        if probe is None:
            bad = True
            yield READY.unknown(f"{path} was not asked {when.value} the load.", found, about=path)
        elif probe.status != 200:
            bad = True
            text = f"{path} reported a problem {when.value} the load: {shown(probe.said) or probe.status}."
            yield READY.fails(text, found, about=path)
    if not bad:
        said = ", ".join(dict.fromkeys(path for path, _ in asked))
        yield READY.passes(f"{said} of {server.flavour.value} answered 200 before and after the load.", found)


def load_time(found: Evidence[Inference], policy: InferencePolicy) -> Iterator[Finding]:
    for model in found.body.load.models:
        served = found.body.server.named(model)
        took = served.cold if served is not None else None
        if took is None:
            text = (
                f"The time that {shown(model)} takes to load was not measured: "
                f"{shown(served.said) if served else 'the server was not asked'}"
            )
            if policy.most_load:
                yield LOAD_TIME.unknown(f"{text}.", found, about=model)
            else:
                yield LOAD_TIME.passes(f"{text}; the policy does not require it.", found, about=model)
            continue
        text = f"{shown(model)} was loaded in {took / 1e6:.2f} s after it had been unloaded"
        if policy.most_load and took > policy.most_load * 1000:
            yield LOAD_TIME.fails(f"{text}; the policy allows at most {policy.most_load / 1000:g} s.", found, about=model)
        else:
            yield LOAD_TIME.passes(f"{text}.", found, about=model)


def headroom(found: Evidence[Inference], policy: InferencePolicy) -> Iterator[Finding]:
    memory = found.body.server.memory
    least = policy.least_headroom
    process = memory.process
    beside = f"; the server's processes took up to {process.most // _MIB} MiB" if process.most else ""
    if not memory.rooms:
        text = f"The free memory was not measured: {shown(memory.said)}"
        if least:
            yield HEADROOM.unknown(f"{text}.", found)
        else:
            yield HEADROOM.passes(f"{text}; the policy does not require it.", found)
    for room in memory.rooms:
        title = f"{room.kind.value} ({shown(room.name)})"
        if room.percent is None or room.samples < _FEWEST_SAMPLES:
            text = f"The free part of the {title} was not measured: {shown(room.said) or f'{room.samples} sample(s)'}"
            if least:
                yield HEADROOM.unknown(f"{text}.", found, about=room.name)
            else:
                yield HEADROOM.passes(f"{text}; the policy does not require it.", found, about=room.name)
        elif room.percent < least:
            yield HEADROOM.fails(f"{_left(room, title)}; the policy requires at least {least} %.", found, about=room.name)
        else:
            yield HEADROOM.passes(f"{_left(room, title)}{beside}.", found, about=room.name)


def _left(room: RoomLeft, title: str) -> str:
    figure = "" if room.least is None or room.total is None else f" ({room.least // _MIB} of {room.total // _MIB} MiB)"
    return f"Of the {title}, {room.percent} %{figure} was free at the worst of {room.samples} samples"
