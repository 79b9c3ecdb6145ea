"""The flow of an evaluation: parameters to plan, plan to sealed artifact, artifact to the state that people see.

A run always leaves an artifact while its process lives and can sign: a run that is refused, cancelled or broken by an error
leaves a RED one. If the process dies as well, `flows.prefect.account_for_run` leaves it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Cause
from arcops.request import Request
from arcops.roots import Roots
from artifacts.beneath import held, reach
from artifacts.store import Store
from artifacts.writing import vacant, write_new
from flows.conclude import conclude
from flows.evaluate import KeptReport, plan_for, request_for, seal_and_keep
from flows.place import Place, bounded
from flows.plan import Plan
from flows.policies.unread import nothing_seen, plan_or_all
from flows.prefect.api import Cancelled, FlowRunContext, State, StateType, get_client
from flows.prefect.deployed import TRACEPARENT
from flows.prefect.shown import as_state, show
from flows.runners.engine import collect
from flows.runners.looking import Found
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import ROOT, Meant, called
from foundation.secrets.signing_key import loaded_signer
from foundation.settings import read_settings
from foundation.telemetry import traces
from foundation.telemetry.spans import span


def here() -> Place:
    """The place of a run: with the settings and the key of the worker's own environment. They never come from a parameter,
    because Prefect stores parameters.

    A run of a deployment is not started by the worker's operator, so it may name no file if ``ARCOPS_ROOTS`` is not set. Only a
    flow that a person calls in their own program is not limited then.
    """
    settings = read_settings(os.environ)
    signer = loaded_signer(settings.key, os.environ, settings.tier)
    return Place(
        settings=settings,
        now=_now,
        signer=lambda: signer,
        secret=_no_secret,
        roots=settings.roots if settings.roots or _deployed() else None,
        worker=True,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _no_secret(path: Path) -> str:
    raise Refused(f"a run of Prefect makes no key; make {path} with 'arcops keys new' on the machine itself")


def _deployed() -> bool:
    """Is this a run of a deployment? Anyone who reaches Prefect's API may have started it."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return run is not None and run.deployment_id is not None


async def evaluate(what: Evaluation, parameters: Mapping[str, object]) -> State[None]:
    """Run *what* with the *parameters* of its flow, keep the sealed artifact, and end in a state named by the verdict."""
    at = here()
    traces.begin(os.environ, at.settings.tier)
    run, asked = begun()
    try:
        with span(f"flow {what.flow}", parent=asked, flow=what.flow, run=run):
            return await evaluated(at, what, parameters, run)
    finally:
        await asyncio.to_thread(traces.flush)


def begun() -> tuple[str, str]:
    """The id of this run, and the traceparent of what asked for it; empty if there is no such value."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return (str(run.id), str(run.labels.get(TRACEPARENT, ""))) if run is not None else ("", "")


async def evaluated(
    at: Place, what: Evaluation, parameters: Mapping[str, object], run: str, refusal: Exception | None = None
) -> State[None]:
    """Run *what* at this place, as the run with this id. With *refusal* nothing is collected: the artifact says why."""
    remarks: list[str] = []
    with Store.at(at.settings) as store:
        store.refuse_clock(at.now())  # nothing could be kept, so find out before the work and not after it
    written: tuple[Path, Roots] | None = None
    policy = str(parameters.get("policy") or what.default_policy)
    try:
        # First, so that a run that is refused writes its artifact there, too.
        written = output(str(parameters["output"]), at) if parameters.get("output") else None
        if refusal is not None:
            raise refusal
        plan = plan_for(what, bounded(what.read(parameters), at), policy, at, remark=remarks.append)
    except (ArcOpsError, OSError) as error:
        plan = plan_or_all(refused(what, parameters, at), policy, what.gates, at.policy)
        collected = nothing_seen(plan, Cause.REFUSED, f"the run was refused: {error}")
        cancelled = False
    else:
        with _termination() as terminated:
            collected = await collect(plan)
        cancelled = terminated.is_set()
    sealed = await asyncio.to_thread(keep, plan, collected, at, runner=what.runner(run, parameters))
    await show(sealed, note=" ".join(remarks), public_url=at.settings.public_url)
    if written is not None:
        path, within = written
        write_new(path, sealed.bundle, within=within)  # after the run's page names the artifact, which is kept in any case
    if cancelled and await _asked_to_end(run):
        return Cancelled(message=f"cancelled; artifact {sealed.digest}")
    if cancelled:
        raise asyncio.CancelledError  # the artifact is kept; Prefect may now end the run as it does
    return as_state(sealed)


async def _asked_to_end(run: str) -> bool:
    """Did someone cancel *run* in Prefect, or was only its process told to end?"""
    if not run:
        return False
    async with get_client() as client:
        state = (await client.read_flow_run(UUID(run))).state
    return state is not None and state.type is StateType.CANCELLING


def output(named: str, at: Place) -> tuple[Path, Roots]:
    """The file for the artifact, and the folder that it must be in. *named* is a run's parameter.

    Raises `Refused` if the operator set no such folder, if the file is outside of it, or if it exists.
    """
    folder = at.settings.output
    if folder is None:
        raise Refused("this worker writes no file for a run; its operator sets a folder for that (ARCOPS_OUTPUT)")
    path = reach(Path(named), (folder,), refusal="the output is outside the folder that this worker writes to (ARCOPS_OUTPUT)")
    within = held((folder,))
    vacant(path, within=within)
    return path, within


def refused(what: Evaluation, parameters: Mapping[str, object], at: Place) -> Request:
    """The request of a run that was refused: its subject's name, and nothing that could be read."""
    subject = None
    with suppress(Refused):
        subject = what.read(what.takes(parameters))
    if subject is None:  # the parameters do not say which subject
        named = next((str(value) for value in parameters.values() if isinstance(value, str) and value), what.flow)
        told = Meant(target=ROOT, named=Path(named[:200]).name or what.flow)
        return request_for(what.about.kind, told, at, at.signer())
    return request_for(subject.kind, called(subject, at), at, at.signer())


def keep(plan: Plan, collected: Mapping[str, Found], at: Place, *, runner: str) -> KeptReport:
    """Judge *collected*, which *runner* collected (`Evaluation.runner`), sign and keep it."""
    report = conclude(plan, collected, runner=runner)
    with Store.at(at.settings) as store:
        return seal_and_keep(report, collected, policy=plan.policy, signer=at.signer(), store=store, now=at.now)


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """Inside this, SIGTERM cancels what the present task awaits instead of ending the process.

    Prefect's own handler raises out of the event loop, so the run could not seal its artifact.
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
            task.uncancel()  # sealing and keeping, which follow, are not to be cancelled
        with suppress(TypeError):  # a handler that was not set from Python cannot be put back
            signal.signal(signal.SIGTERM, earlier)
