"""The load: which requests, when, and how many at once. All random values come from the seed."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from arcops.endpoint import Load
from arcops.seen.inference import Fault, LoadRun, RunKind, Shot
from tasks.inference.asking import Answered, EndpointDoor, ask
from tasks.inference.dialect import REFUSALS, STANDARD, Dialect, others

_WORDS = (
    *("amber", "anchor", "basin", "bridge", "canal", "cedar", "copper", "delta", "ember", "fjord", "garden", "granite"),
    *("harbour", "island", "jasper", "kelp", "lantern", "meadow", "north", "orchard", "pebble", "quarry", "river"),
    *("saddle", "timber", "umbra", "valley", "willow", "yarrow", "zenith"),
)
_FEWEST_WORDS, _MOST_WORDS = 8, 64
_FEWEST_TOKENS = 2
_TIMER_LATE = 2_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request to make: ``due`` in microseconds after its run began; 0 in a closed loop, which starts one after another."""

    due: int
    prompt: str
    words: int
    tokens: int


def wanted(load: Load, kind: RunKind, model: str, figure: int) -> tuple[Wanted, ...]:
    """The requests of one run, the same for the same seed."""
    chance = random.Random(f"{load.seed}:{kind.value}:{model}:{figure}")  # noqa: S311  # a load, not a secret
    many = {RunKind.WARM_UP: 1, RunKind.REPEATED: 2}.get(kind, load.each)
    made, due = [], 0.0
    for _ in range(many):
        words = chance.randint(_FEWEST_WORDS, _MOST_WORDS)
        prompt = "Write about: " + " ".join(chance.choice(_WORDS) for _ in range(words))
        tokens = chance.randint(max(_FEWEST_TOKENS, load.tokens // 2), load.tokens)
        if kind is RunKind.OPEN:
            due += -math.log(1.0 - chance.random()) * 1e9 / figure
        made.append(Wanted(due=round(due), prompt=prompt, words=words, tokens=tokens))
    return (made[0], made[0]) if kind is RunKind.REPEATED else tuple(made)


def plan(load: Load) -> tuple[tuple[tuple[RunKind, str, int], ...], ...]:
    """The runs, in order; those of one step run at the same time."""
    steps: list[tuple[tuple[RunKind, str, int], ...]] = []
    for model in load.models:
        steps.append(((RunKind.WARM_UP, model, 1),))
        steps.append(((RunKind.REPEATED, model, 1),))
        steps += [((RunKind.CLOSED, model, many),) for many in load.concurrencies]
        steps += [((RunKind.OPEN, model, rate),) for rate in load.rates]
    if len(load.models) > 1:
        steps.append(tuple((RunKind.TOGETHER, model, load.concurrencies[0]) for model in load.models))
    return tuple(steps)


async def bear(
    at: EndpointDoor, load: Load, alive: Callable[[], None], *, end: float, names: Mapping[str, str]
) -> tuple[tuple[LoadRun, ...], tuple[str, ...]]:
    """Every run of the plan, and what was left out of the requests because the server refused it; *names* are the ids by
    which models are requested, if they differ. A request that is not done at *end* of the monotonic clock is NOT_RUN. *alive*
    is called several times a second, and ends everything by what it raises.
    """
    dialects: dict[str, Dialect] = {}
    shots: dict[tuple[RunKind, str, int], dict[int, Shot]] = {key: {} for step in plan(load) for key in step}

    async def steps() -> None:
        for step in plan(load):
            async with asyncio.TaskGroup() as group:
                for key in step:
                    group.create_task(_run(at, load, key, shots[key], names.get(key[1], key[1]), dialects))

    work = asyncio.ensure_future(steps())
    try:
        while not work.done() and (left := end - time.monotonic()) > 0:
            await asyncio.wait([work], timeout=min(0.25, left))
            alive()
    finally:
        work.cancel()
        (failed,) = await asyncio.gather(work, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed
    runs = tuple(
        LoadRun(
            kind=key[0],
            model=key[1],
            figure=key[2],
            shots=tuple(done.get(number) or _not_run(one) for number, one in enumerate(wanted(load, *key))),
        )
        for key, done in shots.items()
    )
    return runs, tuple(f"{model}: {part}" for model, dialect in dialects.items() for part in dialect.left_out)


async def _run(
    at: EndpointDoor,
    load: Load,
    key: tuple[RunKind, str, int],
    done: dict[int, Shot],
    name: str,
    dialects: dict[str, Dialect],
) -> None:
    kind, model, figure = key
    began = time.perf_counter_ns()
    waiting = list(enumerate(wanted(load, *key)))[::-1]

    async def one(number: int, want: Wanted, due: int) -> None:
        got = await ask(at, load, name, want.prompt, want.tokens, dialects.get(model, STANDARD))
        if kind is RunKind.WARM_UP and got.status in REFUSALS:
            got, due = await _otherwise(at, load, name, want, got, due)
        done[number] = _shot(want, got, began=began, due=due)

    async def _otherwise(
        at: EndpointDoor, load: Load, name: str, want: Wanted, refused: Answered, due: int
    ) -> tuple[Answered, int]:
        """The answer to the first other way to ask that is not refused, and when it was asked; else as before."""
        for dialect in others():
            moment = time.perf_counter_ns()
            got = await ask(at, load, name, want.prompt, want.tokens, dialect)
            if got.status not in REFUSALS:
                dialects[model] = dialect
                return got, moment
        return refused, due

    async def worker() -> None:
        while waiting:
            number, want = waiting.pop()
            await one(number, want, time.perf_counter_ns())

    async with asyncio.TaskGroup() as group:
        if kind is not RunKind.OPEN:
            for _ in range(figure):
                group.create_task(worker())
            return
        async for number, want, due in _arrivals(waiting, began):
            group.create_task(one(number, want, due))


async def _arrivals(waiting: list[tuple[int, Wanted]], began: int) -> AsyncIterator[tuple[int, Wanted, int]]:
    for number, want in reversed(waiting):
        due = began + want.due * 1000
        while (left := due - time.perf_counter_ns()) > 0:
            # A timer wakes up to some milliseconds late. So the last of them are waited for in turns of the loop.
            await asyncio.sleep(max(0, left - _TIMER_LATE) / 1e9)
        yield number, want, due


def _shot(want: Wanted, got: Answered, *, began: int, due: int) -> Shot:
    def since(moment: int | None) -> int | None:
        return None if moment is None else (moment - due) // 1000

    moments = got.answer.moments
    micro = [since(moment) or 0 for moment in moments]
    many = got.answer.words[1:]
    return Shot(
        due=(due - began) // 1000,
        late=(got.sent - due) // 1000,
        words=want.words,
        asked=want.tokens,
        connected=since(got.connected),
        first=micro[0] if micro else None,
        ended=since(got.ended),
        gaps=tuple(later - earlier for earlier, later in pairwise(micro)),
        tokens=got.answer.tokens,
        text=got.answer.digest,
        finish=got.answer.finish,
        fault=got.fault,
        said=got.said,
        many=tuple(many) if any(one != 1 for one in many) else (),
        counted=() if got.answer.counted is None else (got.answer.counted,),
    )


def _not_run(want: Wanted) -> Shot:
    return Shot(
        due=want.due,
        late=0,
        words=want.words,
        asked=want.tokens,
        connected=None,
        first=None,
        ended=None,
        gaps=(),
        tokens=None,
        text="",
        finish="",
        fault=Fault.NOT_RUN,
        said="the check's time ended before this request was done",
    )
