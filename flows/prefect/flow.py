"""What the Prefect flows share: parameters to plan, plan to sealed artifact, artifact to the state that people see.

A run always leaves an artifact, as long as its process lives and can sign: one that is refused, cancelled or broken by an
error leaves a RED one. Where the process dies as well, `flows.prefect.account_for_run` leaves it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from arcops.endpoint import Endpoint
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Cause
from arcops.exercise import Exercise
from arcops.policy import Policy
from arcops.request import LiveCluster, Request
from arcops.roots import Roots
from arcops.seen.tree import Tree
from artifacts.beneath import held, placed, reach, stat_within
from artifacts.private_key import Signer, load_signer
from artifacts.store import Store
from artifacts.writing import vacant, write_new
from flows.conclude import conclude
from flows.evaluate import Sealed, seal_and_keep
from flows.plan import AnyGate, Plan, all_gates, make_plan
from flows.policies.registered import registered_policy
from flows.policies.unread import nothing_seen, plan_or_all
from flows.prefect.api import FlowRunContext, State
from flows.prefect.deployed import TRACEPARENT
from flows.prefect.shown import as_state, show
from flows.runners.engine import collect
from flows.runners.looking import Found
from flows.subjects.evaluations import Evaluation, as_strict, name_beside, runner_of
from foundation.secrets import key_files, passphrase_source
from foundation.settings import Settings, read_settings
from foundation.telemetry import traces
from foundation.telemetry.spans import span


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """What a flow is told beside its target, under the names of its parameters; empty where it is not told.

    ``context`` is a cluster to ask instead of the target, as the worker's operator named it, ``declared`` the folder to hold it
    against.
    ``url`` is the address of an inference endpoint, whose files the target is where it is named, too.
    """

    context: str = ""
    declared: str = ""
    url: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Aside:
        """What a run with *parameters* was told."""
        return cls(**{one.name: str(parameters.get(one.name) or "") for one in fields(cls)})

    def cluster(self, settings: Settings) -> LiveCluster | None:
        """The cluster to ask, where one is named: of those that the operator of the worker named, and of no others."""
        return LiveCluster(context=self.context, clusters=settings.clusters, served=settings.roots) if self.context else None

    def named(self, target: str) -> str:
        """What the subject is called that no *target* names; empty where that does."""
        return self.context or ("" if target else self.url.rstrip("/").removesuffix("/v1").rstrip("/"))

    def refuse_unless_one(self, target: str) -> None:
        """Raises `Refused` unless either *target* or a cluster is named, and not both; or else an endpoint."""
        if self.url:
            return
        if bool(target) is bool(self.context):
            raise Refused("name either a target on the machine where this flow runs, or the context of a cluster")


NOTHING_ASIDE = Aside()

OUTSIDE = "it lies outside the folders that this worker serves; its operator names them (ARCOPS_ROOTS)"


def withdrawn(parameters: Mapping[str, object]) -> str:
    """Why a run with *parameters* of an earlier version is not done any more, in a sentence; empty where it is."""
    if parameters.get("kubeconfig"):
        return "no run names a kubeconfig any more: its context is a name that the worker's operator gave (ARCOPS_CLUSTERS)"
    return ""


def told_to_judge(target: str, policy: str, attached: Iterable[str], aside: Aside) -> Mapping[str, object]:
    """What a flow was told, under the names of its parameters, for `flows.subjects.evaluations.runner_of`."""
    return {"target": target, "policy": policy, "attached": tuple(attached), **asdict(aside)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where a flow works: the settings and the key of the worker's own environment, never of a flow parameter, which Prefect
    stores.

    ``roots`` are the folders below which a parameter may name files. A run of a deployment was asked for by somebody else than
    the worker's operator, so it may name none where ``ARCOPS_ROOTS`` says nothing; only a flow that a person calls in a program
    of his own is not bound then (`None`).
    """

    settings: Settings
    signer: Signer
    roots: tuple[Path, ...] | None = None

    @classmethod
    def here(cls) -> Bench:
        settings = read_settings(os.environ)
        return cls(
            settings=settings,
            roots=settings.roots if settings.roots or _deployed() else None,
            signer=load_signer(settings.key, passphrase_source(os.environ, settings.key), environment=os.environ),
        )

    def request(self, target: str, kind: str, attached: Iterable[str], now: datetime, aside: Aside = NOTHING_ASIDE) -> Request:
        """The request of a run with these parameters. Whether it may name them is asked later (`reach`): a refusal is RED."""
        path = placed(Path(target), self.roots) if target else Path("/")
        declared = placed(Path(aside.declared), self.roots) if aside.declared else None
        return Request(
            target=path,
            named=aside.named(target) or name_beside(path),
            kind=kind,
            tier=self.settings.tier,
            now=now,
            trust=self.settings.trust,
            data=self.settings.data,
            cache=self.settings.cache,
            store=self.settings.store,
            memory=self.settings.memory,
            attached=tuple(placed(Path(one), self.roots) for one in attached),
            workers=self.settings.workers,
            site=self.settings.site,
            own_key=self.signer.public.id,
            cluster=aside.cluster(self.settings),
            declared=declared,
            within=held(self.roots),
            secrets=key_files(self.settings.key),
        )

    def reach(self, path: Path) -> Path:
        """*path*, absolute. Raises `Refused` where this worker's operator serves no folder that it lies in."""
        return reach(path, self.roots, refusal=OUTSIDE)

    def policy(self, named: str) -> Policy:
        """The policy that a flow's parameter names. Only registered ones count: Prefect knows nobody who names it."""
        return registered_policy(named, self.settings.policies)

    def output(self, named: str) -> tuple[Path, Roots]:
        """The file to write the artifact to, and the folder that it is written below. *named* is a run's parameter.

        Raises `Refused` where the operator named no folder for that, where it lies outside of it, or where it exists.
        """
        folder = self.settings.output
        if folder is None:
            raise Refused("this worker writes no file for a run; its operator names a folder for that (ARCOPS_OUTPUT)")
        path = reach(Path(named), (folder,), refusal="the output lies outside the folder that this worker writes to")
        within = held((folder,))
        vacant(path, within=within)
        return path, within

    def keep(self, plan: Plan, collected: Mapping[str, Found], *, runner: str) -> Sealed:
        """Judge *collected*, which *runner* collected (`flows.subjects.evaluations.runner_of`), sign and keep it."""
        report = conclude(plan, collected, runner=runner)
        with Store.at(self.settings) as store:
            return seal_and_keep(report, collected, policy=plan.policy, signer=self.signer, store=store, now=_now)


def _now() -> datetime:
    return datetime.now(UTC)


async def evaluate(
    what: Evaluation,
    target: str,
    policy: str,
    attached: Iterable[str],
    output: str,
    *,
    now: datetime | None = None,
    aside: Aside = NOTHING_ASIDE,
    endpoint: Callable[[Settings], Endpoint] | None = None,
    exercise: Exercise | None = None,
) -> State[None]:
    """Run the plan of the gates that *what* picks, keep the sealed artifact, and end in a state named by the verdict.

    *endpoint* makes the inference endpoint to load, where one is asked for; what it raises refuses the run, which is RED. An
    *exercise* is what the worker's machine does to be measured.
    """
    bench = Bench.here()
    traces.begin(os.environ, bench.settings.tier)
    run, asked = _begun()
    try:
        with span(f"flow {what.flow}", parent=asked, flow=what.flow, run=run):
            return await _evaluate(
                bench,
                what,
                target,
                policy,
                attached,
                output,
                run=run,
                now=now,
                aside=aside,
                endpoint=endpoint,
                exercise=exercise,
            )
    finally:
        await asyncio.to_thread(traces.flush)


def _begun() -> tuple[str, str]:
    """The id of the run that this is, and the traceparent of what asked for it, where there are these."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return (str(run.id), str(run.labels.get(TRACEPARENT, ""))) if run is not None else ("", "")


async def _evaluate(
    bench: Bench,
    what: Evaluation,
    target: str,
    policy: str,
    attached: Iterable[str],
    output: str,
    *,
    run: str,
    now: datetime | None,
    aside: Aside,
    endpoint: Callable[[Settings], Endpoint] | None,
    exercise: Exercise | None,
) -> State[None]:
    remarks: list[str] = []
    attached = tuple(attached)
    told = told_to_judge(target, policy, attached, aside)
    at = now or datetime.now(UTC).replace(microsecond=0)
    kind = what.kind_of(aside.named(target))
    request = replace(bench.request(target, kind, attached, at, aside), remark=remarks.append, exercise=exercise)
    gates = [gate for gate in all_gates() if what.judges(gate)]
    with Store.at(bench.settings) as store:
        store.refuse_clock(_now())  # nothing could be kept, and that is better known before the work than after it
    written: tuple[Path, Roots] | None = None
    try:
        # First, so that a run that is refused leaves its artifact there, too.
        written = bench.output(output) if output else None
        aside.refuse_unless_one(target)
        if endpoint is not None:
            request = replace(request, endpoint=endpoint(bench.settings))
        plan = _plan(request, lambda: bench.policy(policy), gates, bench)
    except (ArcOpsError, OSError) as error:
        plan = plan_or_all(request, policy, gates, bench.policy)
        collected = nothing_seen(plan, Cause.REFUSED, f"the run was refused: {error}")
        cancelled = False
    else:
        with _termination() as terminated:
            collected = await collect(plan)
        cancelled = terminated.is_set()
    sealed = await asyncio.to_thread(bench.keep, plan, collected, runner=runner_of(run, told))
    await show(sealed, note=" ".join(remarks), public_url=bench.settings.public_url)
    if written is not None:
        path, within = written
        write_new(path, sealed.bundle, within=within)  # after the run's page names the artifact, which is kept whatever happens
    if cancelled:
        raise asyncio.CancelledError  # the artifact is kept; now Prefect may do what it does with a terminated run
    return as_state(sealed)


def _deployed() -> bool:
    """Is this a run of a deployment, which anybody may have asked for who reaches Prefect's API?"""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return run is not None and run.deployment_id is not None


def _plan(request: Request, policy: Callable[[], Policy], gates: list[AnyGate], bench: Bench) -> Plan:
    declared = (request.declared,) if request.declared is not None else ()
    target = (request.target,) if request.target.name else ()  # the whole machine is no file that a parameter named
    for path in (*target, *request.attached, *declared):
        if stat_within(bench.reach(path), request.within) is None:
            raise Refused(f"{path} does not exist on the machine where this flow runs")
    read = policy()
    if request.exercise is not None:
        request = replace(request, exercise=as_strict(request.exercise, read))
    plan = make_plan(request, read, gates=gates)
    if request.endpoint is not None and request.named and any(one.body is Tree for one in plan.collectors):
        raise Refused(f"policy {plan.policy.name!r} judges a model's files, and none are named; name them as the target")
    return plan


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """While this lasts, SIGTERM cancels what the present task awaits instead of ending the process.

    Prefect's own handler raises out of the event loop, which would leave no chance to seal what the run came to.
    """
    terminated = threading.Event()
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield terminated
        return
    loop = asyncio.get_running_loop()
    earlier = signal.getsignal(signal.SIGTERM)

    def told() -> None:
        if not terminated.is_set():
            terminated.set()
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, told)
    try:
        yield terminated
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        if terminated.is_set():
            task.uncancel()  # what follows, sealing and keeping, is not to be cancelled
        with suppress(TypeError):  # a handler that was not set from Python cannot be put back
            signal.signal(signal.SIGTERM, earlier)
