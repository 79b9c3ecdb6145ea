"""``/metrics`` for Prometheus: what the tools did, what the store holds, and the state of this process and its children.

Text that callers may write is never a label: tools, policies, parts of the front and codes are limited in number, and no
subject is named. Checks are counted in the store, so those of workers and of earlier starts count, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.health import Health, Probe
from adapters.http.stored import StoreLook, StoreWatch
from adapters.http.supervised import Supervised
from adapters.http.watched import METRICS
from arcops.verdict import Verdict
from capabilities.catalogue import all_tools
from capabilities.watching import OUTCOMES, Called
from capabilities.work import Work
from flows.policies.reading import shipped_policies
from foundation.egress.breaker import Phase
from foundation.egress.remotes import HERE, Remotes
from foundation.limits.deciding import Told
from services.host.hosted import Shown, State

OTHER = "other"
_MOST_POLICIES = 50
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0)


class Metrics:
    """Counts, in its own registry. *store* is read when metrics are requested; *guard* lets in callers who may read them.

    *limits* is what was decided about the limits of callers.
    """

    def __init__(self, store: StoreWatch, guard: Callable[[ASGIApp], ASGIApp], limits: Told | None = None) -> None:
        self._store = store
        self._guard = guard
        self._registry = CollectorRegistry()
        self._calls = Counter("arcops_calls", "Calls of tools that ended.", ("tool", "outcome"), registry=self._registry)
        self._seconds = Histogram(
            "arcops_call_seconds",
            "How long calls of tools took, without the wait for a turn.",
            ("tool", "kind"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._parts: frozenset[str] = frozenset()
        self._requests = Counter("arcops_http_requests", "HTTP requests.", ("part", "status"), registry=self._registry)
        for tool in all_tools():  # from the beginning, so that a first failure is an increase
            for outcome in OUTCOMES:
                self._calls.labels(tool.name, outcome)
        self._now = _Now(limits=limits)
        self._registry.register(self._now)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    @property
    def probes(self) -> Mapping[str, Probe]:
        """What the front needs and no part of it reports."""
        return {"store": self._store.said}

    def measure(
        self, work: Work | None, processes: Sequence[Supervised], hosted: Callable[[], Mapping[str, Shown]] = dict
    ) -> None:
        """Also report the *work*, the *processes*, and the servers that are *hosted*."""
        if hosted is not dict:
            self._now.hosted.append(hosted)
        if work is not None:
            work.tell = self.called
            self._now.works.append(work)
        self._now.processes.extend(processes)

    def serve(self, routes: Sequence[BaseRoute]) -> None:
        """Count requests by what *routes* serve. The pages take every other address, so they count as "other"."""
        self._parts = frozenset(_first(route.path) for route in routes if isinstance(route, (Mount, Route)) and route.path)

    def called(self, call: Called) -> None:
        """A call ended."""
        self._calls.labels(call.tool, call.outcome).inc()
        self._seconds.labels(call.tool, "long" if call.long else "short").observe(call.seconds)

    def bounded(self, checks: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """*checks* as they are reported: by verdict, and by a limited number of policies."""
        return self._now.bounded(checks)

    def requested(self, path: str, status: int) -> None:
        """A request was answered with *status*; 0 is no answer."""
        part = _first(path) if _first(path) in self._parts else OTHER
        self._requests.labels(part, f"{status // 100}xx" if 100 <= status < 600 else "none").inc()

    def routes(self, health: Health) -> list[BaseRoute]:
        """The routes of the metrics, and of what *health* reports."""

        async def tell(request: Request) -> Response:
            ready, looked = await asyncio.gather(health.said(), asyncio.to_thread(self._store.look))
            self._now.ready, self._now.looked = {**ready, "startup": "" if health.started else "not yet"}, looked
            encode, kind = choose_encoder(request.headers.get("accept", ""))
            body = await asyncio.to_thread(encode, self._registry)
            return Response(body, headers={"content-type": kind, "cache-control": "no-store"})

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await tell(Request(scope, receive))
            await answer(scope, receive, send)

        return [Route(METRICS, endpoint=self._guard(app), methods=["GET"])]


def _first(path: str) -> str:
    return "/" + path.lstrip("/").partition("/")[0]


def _limits(told: Told) -> Iterator[Metric]:
    """How calls stood to the limits of their callers."""
    decided = CounterMetricFamily("arcops_limit_decisions", "Calls by what the limits said of them.", labels=("outcome",))
    for outcome, count in (
        ("let", told.let),
        ("limit", told.limited),
        ("quota", told.over_quota),
        ("unknown", told.unknown),
    ):
        decided.add_metric((outcome,), count)
    yield decided
    about = "Calls that a host counted alone, because the shared counts were lost."
    yield CounterMetricFamily("arcops_limit_alone", about, told.alone)
    yield GaugeMetricFamily("arcops_limit_shared", "Are the shared counts of limits at hand?", float(not told.lost))


def _remotes(remotes: Remotes) -> Iterator[Metric]:
    """Which remotes are left alone, without their names: a caller may have named one."""
    found = [one.phase for one in remotes.now()]
    phases = GaugeMetricFamily("arcops_remotes", "Remotes that failed lately, by their circuit breaker.", labels=("phase",))
    for phase in Phase:
        phases.add_metric((phase.value,), found.count(phase))
    yield phases
    yield CounterMetricFamily("arcops_remotes_opened", "How often a circuit breaker was opened.", remotes.opened)


def _hosted(servers: Mapping[str, Shown]) -> Iterator[Metric]:
    """Hosted servers, by the names that their operator gave them."""
    states = GaugeMetricFamily("arcops_hosted_state", "Is the hosted server in this state?", labels=("server", "state"))
    processes = GaugeMetricFamily("arcops_hosted_processes", "Its processes on this host.", labels=("server",))
    calls = CounterMetricFamily("arcops_hosted_calls", "Requests that were sent to it.", labels=("server",))
    restarts = CounterMetricFamily("arcops_hosted_restarts", "How often it ended by itself.", labels=("server",))
    for name, shown in sorted(servers.items()):
        for state in State:
            states.add_metric((name, state.value), float(shown.state is state))
        processes.add_metric((name,), len(shown.pids))
        calls.add_metric((name,), shown.calls)
        restarts.add_metric((name,), shown.restarts)
    yield from (states, processes, calls, restarts)


@dataclass(slots=True, eq=False)
class _Now(Collector):
    """The values at the time of the request."""

    works: list[Work] = field(default_factory=list)
    processes: list[Supervised] = field(default_factory=list)
    hosted: list[Callable[[], Mapping[str, Shown]]] = field(default_factory=list)
    ready: Mapping[str, str] = field(default_factory=dict)
    looked: StoreLook = field(default_factory=StoreLook)
    policies: dict[str, str] = field(default_factory=dict)
    limits: Told | None = None

    def collect(self) -> Iterator[Metric]:
        loads = [work.load for work in self.works]
        tasks = GaugeMetricFamily("arcops_tasks", "Calls of tools at this server.", labels=("state",))
        tasks.add_metric(("under_way",), sum(load.under_way for load in loads))
        tasks.add_metric(("waiting",), sum(load.waiting for load in loads))
        yield tasks
        ready = GaugeMetricFamily("arcops_ready", "Is this part ready? As /readyz says.", labels=("part",))
        for part, wrong in self.ready.items():
            ready.add_metric((part,), float(not wrong))
        yield ready
        restarts = CounterMetricFamily("arcops_process_restarts", "How often a child was restarted.", labels=("process",))
        for one in self.processes:
            restarts.add_metric((one.name,), one.restarts)
        yield restarts
        for servers in self.hosted:
            yield from _hosted(servers())
        yield from _remotes(HERE)
        if self.limits is not None:
            yield from _limits(self.limits)
        yield from self._store()

    def _store(self) -> Iterator[Metric]:
        looked, stored = self.looked, self.looked.stored
        yield GaugeMetricFamily(
            "arcops_store_whole", "Can the store be read, and is its log as it was?", float(not looked.wrong)
        )
        yield GaugeMetricFamily("arcops_store_writable", "Can the store be written?", float(not looked.unwritable))
        if looked.free is not None:
            yield GaugeMetricFamily("arcops_store_free_bytes", "Free bytes for the store.", looked.free)
        if stored is None:
            return
        if stored.size is not None:
            yield GaugeMetricFamily("arcops_store_bytes", "Bytes of the store; measured once a minute at most.", stored.size)
        yield GaugeMetricFamily("arcops_artifacts", "Artifacts in the store.", stored.artifacts)
        if stored.newest is not None:
            about = "When the newest artifact was kept, in seconds since 1970."
            yield GaugeMetricFamily("arcops_newest_artifact_timestamp_seconds", about, stored.newest.timestamp())
        checks = CounterMetricFamily("arcops_checks", "Reports in the store.", labels=("verdict", "policy"))
        for (verdict, policy), count in self.bounded(stored.checks).items():
            checks.add_metric((verdict, policy), count)
        yield checks

    def bounded(self, checks: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """*checks* by the shipped policies, the first few others, and the rest together."""
        shipped = shipped_policies()
        counted = {(verdict.value, policy): 0 for verdict in Verdict for policy in shipped}
        for (verdict, policy), count in sorted(checks.items()):
            known = policy in shipped or policy in self.policies or len(self.policies) < _MOST_POLICIES
            label = policy[:100] if known else OTHER
            if known and policy not in shipped:
                self.policies[policy] = label
            counted[verdict, label] = counted.get((verdict, label), 0) + count
        return counted
