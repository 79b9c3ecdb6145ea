"""The Prefect runner: the plan's collectors in one flat flow, each with a line in the log of the run's page.

Prefect's states are a view and never evidence. Every collector's answer is awaited by name, and an answer that did not come is
missing evidence. No collector is a task of Prefect's: five of these cost more than many a check, and their states say nothing
that counts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from arcops.errors import Stopped
from arcops.evidence import Cause
from flows.plan import AnyCollector, Plan
from flows.prefect.api import FlowRunContext, flow_run_logger
from flows.runners.isolated import look_isolated
from flows.runners.looking import Found, look, missing, outcome
from foundation.telemetry.spans import span


async def collect(plan: Plan) -> Mapping[str, Found]:
    """Run every collector of *plan*, each as soon as the evidence that it needs is there.

    If the flow is cancelled meanwhile, evidence that is not there yet is missing with the cause CANCELLED.
    """
    loop = asyncio.get_running_loop()
    answers: dict[str, asyncio.Future[Found]] = {found.body.KIND: loop.create_future() for found in plan.collectors}
    try:
        await asyncio.gather(*(_answer(collector, plan, answers) for collector in plan.collectors))
    except asyncio.CancelledError:
        for collector in plan.collectors:
            future = answers[collector.body.KIND]
            if not future.done():
                future.set_result(missing(collector, Cause.CANCELLED, "the run was cancelled before this was seen"))
    return MappingProxyType({kind: future.result() for kind, future in answers.items()})


async def _answer(collector: AnyCollector, plan: Plan, answers: Mapping[str, asyncio.Future[Found]]) -> None:
    bodies = (*collector.needs, *collector.wants)
    collected = {body.KIND: await asyncio.shield(answers[body.KIND]) for body in bodies if body.KIND in answers}
    told = threading.Event()

    def progress(done: int, total: int) -> None:
        if told.is_set():
            raise Stopped("the run was stopped")
        plan.request.progress(done, total)

    looking = look_isolated if collector.isolated else look
    request = replace(plan.request, progress=progress)
    seconds = collector.deadline.total_seconds()
    with span(f"collector {collector.id}", collector=collector.id) as here:
        try:
            found = await asyncio.wait_for(asyncio.to_thread(looking, collector, request, collected), timeout=seconds)
        except TimeoutError:
            found = missing(collector, Cause.DEADLINE, f"{collector.id} did not answer within {seconds:g} s")
        except Exception as error:  # whatever the engine raises, the collector is in the plan, so its evidence is missing
            found = missing(collector, Cause.BROKEN, f"the engine lost {collector.id}: {type(error).__name__}: {error}")
        finally:
            told.set()
        here.say(outcome=outcome(found))
    answers[collector.body.KIND].set_result(found)
    _log(collector, found)


def _log(collector: AnyCollector, found: Found) -> None:
    """A line for those who watch the run, if it is one of Prefect's. Reasons may name paths: they are in the artifact alone."""
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        flow_run_logger(context.flow_run).info("%s: %s", collector.id, outcome(found))
