"""Evaluations that run as deployments of Prefect, followed from outside: begun, looked up, cancelled.

A run's state shows only its progress. The result is the artifact whose digest the run's page names; the caller opens it in the
store.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from arcops.errors import Refused, Unavailable
from flows.prefect.api import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    Cancelling,
    FlowRun,
    ObjectNotFound,
    PrefectClient,
    Scheduled,
)
from flows.prefect.client import asked
from flows.prefect.shown import REPORT, REPORT_TYPE, artifact_named
from foundation.telemetry.spans import learned, traceparent

if TYPE_CHECKING:
    from flows.prefect.at_once import AtOnce

TRACEPARENT = "arcops.traceparent"
"""The label on a run with the span that asked for it. It is not a parameter, so it changes nothing in the artifact."""
_POLL_SECONDS = 0.5
_ACCOUNT_SECONDS = 90.0
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as Prefect shows it. ``artifact`` is the digest of the sealed artifact, or empty until the run names it."""

    id: str
    state: str
    ended: bool
    message: str
    artifact: str = ""


async def start(deployment: str, parameters: Mapping[str, object], *, key: str = "", at_once: AtOnce | None = None) -> Run:
    """Begin a run of *deployment* (``flow/name``), *at_once* if that may be, or as soon as a worker finds it. A second start
    with the same *key* gives the first one's run.

    Raises `Refused` if the parameters do not fit, `Unavailable` if there is no such deployment yet or Prefect's API is down.
    """
    async with asked(f"the deployment {deployment!r}") as client:
        try:
            found = await client.read_deployment_by_name(deployment)
        except ObjectNotFound as error:
            raise Unavailable(
                f"Prefect has no deployment {deployment!r} yet; wait until /readyz of the server says that it is ready, or"
                " create it with 'prefect deploy --all'"
            ) from error
        may = at_once is not None and not key and await at_once.takes(client, found)
        begun = await client.create_flow_run_from_deployment(
            found.id,
            parameters=dict(parameters),
            state=Scheduled(),
            idempotency_key=key or None,
            labels={TRACEPARENT: parent} if (parent := traceparent()) else None,
        )
        learned(run=str(begun.id))
        if at_once is not None and may:
            await at_once.begin(client, begun, found)
        return await _run(client, begun)


async def look_up(run_id: str) -> Run:
    """The run as it is now. Raises `Refused` for an unknown id."""
    async with asked(f"the run {run_id!r}") as client:
        return await _run(client, await client.read_flow_run(_uuid(run_id)))


async def cancel(run_id: str) -> Run:
    """Ask the run to end; it leaves a RED artifact. A run that has already ended stays as it is."""
    async with asked(f"the run {run_id!r}") as client:
        await client.set_flow_run_state(_uuid(run_id), Cancelling())
        return await _run(client, await client.read_flow_run(_uuid(run_id)))


async def follow(
    run_id: str, *, progress: Callable[[int, int], None], stop: threading.Event, at_once: AtOnce | None = None
) -> Run:
    """Wait until the run has ended and named its artifact. If *stop* is set, cancel the run and wait for it.

    *progress* is called with 0 of 0 meanwhile, because a run reports no bytes; it may raise to end the waiting. If the run
    could not name an artifact itself, the flow that accounts for it gets a minute and a half.
    """
    asked, looks = False, 0
    while True:
        if at_once is not None:
            while not await at_once.over(run_id, seconds=_POLL_SECONDS) and (asked or not stop.is_set()):
                progress(0, 0)
        run = await look_up(run_id)
        looks += run.ended
        if run.ended and (run.artifact or looks * _POLL_SECONDS > _ACCOUNT_SECONDS):
            return run
        progress(0, 0)
        if stop.is_set() and not asked:
            asked = True
            await cancel(run_id)
        await asyncio.sleep(_POLL_SECONDS)


async def _run(client: PrefectClient, run: FlowRun) -> Run:
    state = run.state
    ended = state is not None and state.type.value in _ENDED
    artifact = ""
    if ended:
        reports = await client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]), type=ArtifactFilterType(any_=[REPORT_TYPE])
            )
        )
        named = [artifact_named(one.description) for one in reports if (one.key or "").startswith(REPORT)]
        artifact = next(filter(None, named), "")
    return Run(
        id=str(run.id),
        state=(state.name or state.type.value) if state else "Pending",
        ended=ended,
        message=(state.message or "") if state else "",
        artifact=artifact,
    )


def _uuid(run_id: str) -> UUID:
    try:
        return UUID(run_id)
    except ValueError as error:
        raise Refused(f"{run_id[:100]!r} is not the id of a run") from error
