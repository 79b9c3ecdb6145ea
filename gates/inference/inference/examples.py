"""Examples of the gate ``inference``: two models that answer well, and one change for each rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from arcops.endpoint import Load, Slo
from arcops.gate import Example
from arcops.seen.inference import Credential, Fault, Inference, Listing, LoadRun, RunKind, Shot
from arcops.seen.inference_server import Flavour, Probe, Process, RoomKind, RoomLeft, Served, Server, ServerMemory, When
from arcops.verdict import Verdict
from gates.breach import Weight
from gates.inference.inference.policy import InferencePolicy

_MS = 1000


def shot(number: int = 0) -> Shot:
    """An answer of eight tokens: the first after 100 ms, the others 20 ms apart."""
    return Shot(
        due=number * 250 * _MS,
        late=0,
        words=12,
        asked=8,
        connected=_MS,
        first=100 * _MS,
        ended=241 * _MS,
        gaps=(20 * _MS,) * 7,
        tokens=8,
        text="ab" * 32,
        finish="length",
        fault=None,
        said="",
    )


def good(*models: str) -> Inference:
    """Everything that was planned for *models* came as it should."""
    load = Load(url="http://127.0.0.1:8000", models=models, concurrencies=(1, 4), rates=(2000,), slo=Slo(ttft=400 * _MS))
    runs = []
    for model in models:
        series = [(RunKind.WARM_UP, 1, 1), (RunKind.REPEATED, 1, 2), (RunKind.OPEN, 2000, 8)]
        series += [(RunKind.CLOSED, many, 8) for many in load.concurrencies]
        series += [(RunKind.TOGETHER, 1, 8)] if len(models) > 1 else []
        runs += [
            LoadRun(kind=kind, model=model, figure=figure, shots=tuple(shot(number) for number in range(many)))
            for kind, figure, many in series
        ]
    return Inference(
        load=load,
        credential=Credential.NONE,
        listing=Listing.LOADED,
        listing_said="",
        listed=tuple(sorted(f"{model}:1" for model in models)),
        server=server(*models),
        runs=tuple(runs),
    )


def server(*models: str) -> Server:
    """A healthy Foundry Local on a device: loaded within two seconds; a third of the host's memory and half a GPU's are
    free.
    """
    rooms = [
        RoomLeft(
            kind=kind, name=name, total=16 * 2**30, least=percent * 2**30 * 16 // 100, percent=percent, samples=20, said=""
        )
        for kind, name, percent in ((RoomKind.HOST, "this machine", 33), (RoomKind.DEVICE, "GPU-0", 50))
    ]
    return Server(
        flavour=Flavour.FOUNDRY,
        probes=tuple(Probe(path="/status", when=when, status=200, said="") for when in When),
        served=tuple(Served(model=model, id=f"{model}:1", was_loaded=True, cold=2_000 * _MS, said="") for model in models),
        memory=ServerMemory(rooms=tuple(rooms), process=Process(many=1, most=2**30, said=""), said=""),
    )


def with_room(body: Inference, kind: RoomKind, **new: object) -> Inference:
    """*body* with the fields *new* in its room of *kind*."""
    memory = body.server.memory
    rooms = tuple(replace(room, **new) if room.kind is kind else room for room in memory.rooms)  # type: ignore[arg-type]  # each use names fields of its own
    return replace(body, server=replace(body.server, memory=replace(memory, rooms=rooms)))


def with_served(body: Inference, **new: object) -> Inference:
    """*body* with the fields *new* in its first model."""
    first, *others = body.server.served
    return replace(body, server=replace(body.server, served=(replace(first, **new), *others)))  # type: ignore[arg-type]  # the same


def plain(body: Inference) -> Inference:
    """The same from a server that lists its models, and reports nothing else about itself."""
    served = tuple(Served(model=one, id=one, was_loaded=None, cold=None, said="not asked for") for one in body.load.models)
    memory = ServerMemory(rooms=(), process=Process(many=0, most=0, said="another machine"), said="another machine")
    told = Server(flavour=Flavour.OPENAI, probes=(), served=served, memory=memory)
    return replace(body, listing=Listing.OPENAI, listed=tuple(sorted(body.load.models)), server=told)


def changed(body: Inference, kind: RunKind, change: Callable[[Shot], Shot], *, only: int | None = None) -> Inference:
    """*body* with *change* made to the requests of its runs of *kind*: all of them, or the one with the number *only*."""
    runs = tuple(
        replace(run, shots=tuple(change(one) if only in (None, number) else one for number, one in enumerate(run.shots)))
        if run.kind is kind
        else run
        for run in body.runs
    )
    return replace(body, runs=runs)


def failed(one: Shot, fault: Fault = Fault.SERVER) -> Shot:
    return replace(one, fault=fault, said="the server answered 503", first=None, gaps=(), ended=None, tokens=None)


def slower(one: Shot) -> Shot:
    """Slower than the check's own aim, but not slower than the policy's."""
    return replace(one, first=450 * _MS)


def beside(one: Shot) -> Shot:
    return replace(one, gaps=(33 * _MS,) * 7)


def examples() -> Iterator[Example[InferencePolicy]]:
    one, two = good("a"), good("a", "b")

    def example(name: str, verdict: Verdict, body: Inference, **decided: object) -> Example[InferencePolicy]:
        policy = replace(InferencePolicy(), **decided)  # type: ignore[arg-type]  # each example names fields of its own
        return Example(name=name, verdict=verdict, evidence=(body,), policy=policy)

    mild = {"least_good": 80, "warn_good": 95, "most_failed": 10}
    closed, repeated, together = RunKind.CLOSED, RunKind.REPEATED, RunKind.TOGETHER
    yield example("One model answers well", Verdict.GREEN, one)
    yield example("Two models do not slow each other down", Verdict.GREEN, two)
    yield example("A model that the endpoint does not list", Verdict.RED, replace(one, listed=("other",)))
    yield example("The endpoint lists nothing", Verdict.RED, replace(one, listing=Listing.NONE, listing_said="404", listed=()))
    yield example("A run is missing", Verdict.RED, replace(one, runs=one.runs[:-1]))
    yield example("The time was over", Verdict.RED, changed(one, closed, lambda was: failed(was, Fault.NOT_RUN), only=7))
    yield example("This machine was busy", Verdict.RED, changed(one, RunKind.OPEN, lambda was: replace(was, late=60 * _MS)))
    yield example("Answers in one piece", Verdict.RED, changed(one, closed, lambda was: replace(was, gaps=())))
    yield example("One request of eight fails", Verdict.RED, changed(one, closed, failed, only=3))
    yield example("One request fails, and the policy allows a few", Verdict.AMBER, changed(one, closed, failed, only=3), **mild)
    yield example(
        "A malformed answer, although a few requests may fail",
        Verdict.RED,
        changed(one, closed, lambda was: failed(was, Fault.MALFORMED), only=3),
        **mild,
    )
    yield example("The check's own aim is missed", Verdict.RED, changed(one, closed, slower))
    yield example(
        "One request misses an aim, and the policy allows a few", Verdict.AMBER, changed(one, closed, slower, only=0), **mild
    )
    yield example(
        "Slow only at a concurrency above the policy's",
        Verdict.GREEN,
        replace(one, runs=tuple(_slowed(run) if run.figure == 4 else run for run in one.runs)),
        most_concurrency=1,
    )
    yield example("A second model makes the first two thirds slower", Verdict.RED, changed(two, together, beside))
    yield example("The same, and the policy allows it", Verdict.AMBER, changed(two, together, beside), most_interference=200)
    other = changed(one, repeated, lambda was: replace(was, text="cd" * 32), only=1)
    yield example("The same prompt, two answers", Verdict.RED, other)
    yield example("The same prompt, two answers, which is a warning", Verdict.AMBER, other, determinism=Weight.WARN)
    uncounted = changed(one, closed, lambda was: replace(was, tokens=None))
    yield example("The server counts no tokens", Verdict.RED, uncounted)
    yield example("The server counts no tokens, which is a warning", Verdict.AMBER, uncounted, uncounted=Weight.WARN)
    ill = Probe(path="/status", when=When.AFTER, status=503, said="the server answered 503")
    yield example(
        "The server is unhealthy after the load",
        Verdict.RED,
        replace(one, server=replace(one.server, probes=(*one.server.probes[:1], ill))),
    )
    yield example("Loading takes two minutes", Verdict.RED, with_served(one, cold=120_000 * _MS))
    yield example("Two percent of the GPU's memory is left", Verdict.RED, with_room(one, RoomKind.DEVICE, percent=2))
    yield example("The driver does not answer", Verdict.RED, with_room(one, RoomKind.DEVICE, percent=None, said="it hangs"))
    yield example("A server that reports nothing about itself", Verdict.RED, plain(one))
    unasked: dict[str, object] = {"most_load": 0, "least_headroom": 0}
    yield example("A server that reports nothing, and the policy requires only its health", Verdict.RED, plain(one), **unasked)
    yield example(
        "A server that reports nothing, which is a warning", Verdict.AMBER, plain(one), without_health=Weight.WARN, **unasked
    )
    yield example(
        "A server that reports nothing, and the policy requires nothing",
        Verdict.GREEN,
        plain(one),
        without_health=Weight.PASS,
        **unasked,
    )
    yield example("More tokens than were asked for", Verdict.RED, changed(one, closed, lambda was: replace(was, tokens=80)))


def _slowed(run: LoadRun) -> LoadRun:
    return replace(run, shots=tuple(slower(one) for one in run.shots))
