"""What an engine costs: one plan as plain calls, by the direct runner, in a flow on SQLite and on PostgreSQL, and by a worker.

    python -m benches.engine

Prints wall and CPU as ratios to the plain calls of the same run, and the API calls that a run takes. The flows are warm: their
process has imported Prefect, has its clients open, and has run once. On PostgreSQL the worker starts a process for each run, so
its figure holds that start, too; on SQLite it hands runs to a process that is warm. At the end a whole command: the same check
by ``arcops check``, and by ``arcops --server``, whose run begins without a worker.

However it ends, it leaves no process.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.adapters.serving import environment, served
from tests.flows.site import Site, now, reaching, site
from tests.leftovers import begin_below_wardens
from tests.models import Bench, bench, good_model
from tests.postgres import postgres
from tests.waiting import until

ROUNDS = 9
WEIGHTS = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds, the median of the rounds; ``calls`` are requests to Prefect's API in one run."""

    wall: float
    cpu: float
    calls: int = 0


class Rounds:
    """Rounds of some work, each measured; the first does not count."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float, int]] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        with counted() as count:
            began, used = time.perf_counter(), _cpu()
            yield
            self._seen.append((time.perf_counter() - began, _cpu() - used, count[0]))

    @property
    def walls(self) -> list[float]:
        """Seconds of each round that counts."""
        return [wall for wall, _, _ in self._seen[1:]]

    @property
    def spent(self) -> Spent:
        walls, cpus, calls = zip(*self._seen[1:], strict=True)
        return Spent(wall=statistics.median(walls), cpu=statistics.median(cpus), calls=round(statistics.median(calls)))


def spent(work: Callable[[], object], rounds: int = ROUNDS) -> Spent:
    """*work* measured after one round that does not count."""
    measured = Rounds()
    for _ in range(rounds + 1):
        with measured.one():
            work()
    return measured.spent


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


@contextmanager
def counted() -> Iterator[list[int]]:
    """The HTTP requests of this process while the block runs."""
    count = [0]
    plain, asynchronous = httpx.Client.send, httpx.AsyncClient.send

    def send(self: httpx.Client, *words: object, **more: object) -> object:
        count[0] += 1
        return plain(self, *words, **more)  # type: ignore[arg-type]  # handed on as it came

    async def send_async(self: httpx.AsyncClient, *words: object, **more: object) -> object:
        count[0] += 1
        return await asynchronous(self, *words, **more)  # type: ignore[arg-type]  # handed on as it came

    httpx.Client.send, httpx.AsyncClient.send = send, send_async  # type: ignore[method-assign,assignment]  # for the count alone
    try:
        yield count
    finally:
        httpx.Client.send, httpx.AsyncClient.send = plain, asynchronous  # type: ignore[method-assign]


def plain(here: Bench, model: Path) -> None:
    """The same collectors, in a separate process if they ask for one, and the same gates, called one after the other."""
    from artifacts.store import Store
    from flows.conclude import conclude
    from flows.evaluate import seal_and_keep
    from flows.runners.isolated import look_isolated
    from flows.runners.looking import Found, look

    plan = here.plan(model, now=now())
    collected: dict[str, Found] = {}
    for collector in plan.collectors:
        looking = look_isolated if collector.isolated else look
        collected[collector.body.KIND] = looking(collector, plan.request, collected)
    with Store.at(here.settings) as store:
        report = conclude(plan, collected, runner="plain")
        seal_and_keep(report, collected, policy=plan.policy, signer=here.signer, store=store, now=now)


def direct(here: Bench, model: Path) -> None:
    from artifacts.store import Store
    from flows.conclude import conclude
    from flows.evaluate import seal_and_keep
    from flows.runners.direct import RUNNER, collect

    plan = here.plan(model, now=now())
    collected = collect(plan, stop=threading.Event())
    with Store.at(here.settings) as store:
        report = conclude(plan, collected, runner=RUNNER)
        seal_and_keep(report, collected, policy=plan.policy, signer=here.signer, store=store, now=now)


def in_a_flow(at: Site, model: Path) -> Spent:
    """In this process, with a running loop and two open clients of the API, like a process that serves flows."""
    from prefect.events.worker import EventsWorker

    from flows.prefect.made import readiness

    measured = Rounds()

    async def rounds() -> None:
        from prefect.context import AsyncClientContext, SyncClientContext

        with SyncClientContext.get_or_create():  # Prefect asks for its default result storage by this one
            async with AsyncClientContext.get_or_create():
                for _ in range(ROUNDS + 1):
                    with measured.one():
                        await readiness(target=str(model), policy=str(at.bench.policy), return_state=True)

    with reaching(at.api):
        asyncio.run(rounds())
        EventsWorker.drain_all(timeout=60, at_exit=False)  # or this process tries for minutes after the server has ended
    return measured.spent


def by_a_worker(at: Site, model: Path) -> Spent:
    """From the request to the end of the run. The CPU time is in another process, so it is not reported."""
    from flows.prefect.deployed import follow, start

    async def run() -> None:
        begun = await start("readiness/readiness", {"target": str(model), "policy": str(at.bench.policy)})
        await follow(begun.id, progress=lambda done, total: None, stop=threading.Event())

    with reaching(at.api):
        return spent(lambda: asyncio.run(run()), rounds=3)


def through_the_server(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of ``arcops check`` in its own process, and of the same command through ``arcops server``, by turns."""
    here = bench(folder)
    model = make_model(here)
    seconds: tuple[list[float], list[float]] = ([], [])
    with served("server", env=here.environment) as server:
        until(lambda: httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200, "everything is ready")
        until((here.home / "prefect" / "runs.socket").exists, "a process is warm")
        for _ in range(ROUNDS + 1):
            for which, more in enumerate(([], ["--server", server.url])):
                began = time.perf_counter()
                command = [sys.executable, "-m", "adapters.cli", *more, "check", str(model), "--policy", "bench"]
                done = subprocess.run(command, env=environment(here.environment), capture_output=True, text=True, check=False)
                seconds[which].append(time.perf_counter() - began)
                assert done.returncode in (0, 3, 4), done.stderr
    return seconds[0][1:], seconds[1][1:]


def make_model(here: Bench) -> Path:
    model = good_model(here, signed=False, now=now())
    with (model / "model.safetensors").open("ab") as weights:
        weights.truncate(WEIGHTS)
    return model


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name:
        folder = Path(name)
        here = bench(folder / "plain")
        model = make_model(here)
        collectors = len(here.plan(model, now=now()).collectors)
        base = spent(lambda: plain(here, model))
        print(
            f"{collectors} collectors, a model of {WEIGHTS >> 20} MiB read once and then known; medians of {ROUNDS} warm rounds"
        )
        print(f"{'':28}{'wall':>8}{'CPU':>8}{'ms more':>10}{'API calls':>11}")
        _tell("plain calls", base, base)
        _tell("the direct runner", spent(lambda: direct(here, model)), base)
        for database, opened in (("SQLite", lambda: nullcontext("")), ("PostgreSQL", postgres)):
            with opened() as url, site(folder / database.lower(), url) as at:
                os.environ.update({name: value for name, value in at.bench.environment.items() if name.startswith("ARCOPS_")})
                model_there = make_model(at.bench)
                flow = in_a_flow(at, model_there)
                _tell(f"a flow on {database}", flow, base)
                if database == "PostgreSQL":
                    more = (flow.wall - base.wall) * 1000
                    print(f"{'':28}allowed: 150 ms and 10 ms a collector = {150 + 10 * collectors} ms; spent {more:.0f} ms")
                _tell(f"by a worker on {database}", by_a_worker(at, model_there), base)
        own, theirs = through_the_server(folder / "server")
        ratio = statistics.median(two / one for one, two in zip(own, theirs, strict=True))
        medians = f"arcops check: {statistics.median(own):.2f} s; through arcops server: {statistics.median(theirs):.2f} s"
        print(f"{medians}; of each pair {ratio:.2f}x (allowed: 1.5x)")


def _tell(what: str, one: Spent, base: Spent) -> None:
    more = (one.wall - base.wall) * 1000
    print(f"{what:28}{one.wall / base.wall:7.2f}x{one.cpu / base.cpu:7.2f}x{more:10.0f}{one.calls:11}", flush=True)


if __name__ == "__main__":
    begin_below_wardens()
    main()
