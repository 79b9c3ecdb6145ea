"""Runs of deployments that are begun together and waited for together: one client, and one question for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from arcops.errors import ArcOpsError
from flows.prefect.api import FlowRunFilter, FlowRunFilterId, PrefectClient, Scheduled
from flows.prefect.client import asked, translated
from flows.prefect.deployed import TRACEPARENT
from foundation.telemetry.spans import traceparent

_SOONEST, _LATEST, _SHARE = 0.1, 2.0, 0.01
"""Seconds until the next question: a hundredth of how long the runs have taken, so that the waiting adds little."""
_MOST = 200
"""As many runs are in one answer of Prefect's API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run of the ``deployment`` (``flow/name``) with these ``parameters``."""

    deployment: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The id of a run, and why it has not ended; empty if it has. Without an id it was never begun."""

    run: str = ""
    problem: str = ""


async def runs_of(wanted: Sequence[Asked], *, minutes: int) -> tuple[Ended, ...]:
    """Begin all that is *wanted*, and wait until each run has ended, but not longer than *minutes*. In the order of *wanted*.

    Raises nothing: one that cannot be begun does not keep the others from running.
    """
    if not wanted:
        return ()
    until = time.monotonic() + minutes * 60
    answers = [Ended()] * len(wanted)
    left: dict[UUID, int] = {}
    why = f"did not end within {minutes} minutes"
    try:
        async with asked("the runs of the parts") as client:
            for number, one in enumerate(await asyncio.gather(*(_begun(client, one) for one in wanted))):
                if isinstance(one, UUID):
                    left[one], answers[number] = number, Ended(run=str(one))
                else:
                    answers[number] = Ended(problem=one)
            await _wait(client, left, answers, until)
    except ArcOpsError as error:
        why = f"could not be followed: {error}"
        answers = [one if one.run or one.problem else Ended(problem=str(error)) for one in answers]
    for run, number in left.items():
        answers[number] = Ended(run=str(run), problem=f"its run {run} {why}")
    return tuple(answers)


async def _begun(client: PrefectClient, one: Asked) -> UUID | str:
    """The id of the run, or why it was not begun."""
    try:
        with translated(f"the deployment {one.deployment}"):
            found = await client.read_deployment_by_name(one.deployment)
            run = await client.create_flow_run_from_deployment(
                found.id,
                parameters=dict(one.parameters),
                state=Scheduled(),
                labels={TRACEPARENT: parent} if (parent := traceparent()) else None,
            )
            return run.id
    except ArcOpsError as error:
        return str(error)


async def _wait(client: PrefectClient, left: dict[UUID, int], answers: list[Ended], until: float) -> None:
    """Take out of *left* what has ended, until the time is over. What Prefect no longer knows is no answer."""
    began = time.monotonic()
    while left and (now := time.monotonic()) < until:
        await asyncio.sleep(min(max(_SOONEST, (now - began) * _SHARE), _LATEST, until - now))
        waiting = list(left)
        for some in (waiting[first : first + _MOST] for first in range(0, len(waiting), _MOST)):
            found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=some)), limit=_MOST)
            states = {one.id: one.state for one in found}
            for run in some:
                state = states.get(run)
                if run not in states:
                    number = left.pop(run)
                    answers[number] = replace(answers[number], problem=f"Prefect does not know its run {run} any more")
                elif state is not None and state.is_final():
                    del left[run]
