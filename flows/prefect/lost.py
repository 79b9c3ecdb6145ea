"""Runs that fell silent: their worker and process died together, so no one is left who could end them in Prefect; and runs that
ended without an artifact.

The automations see to both, too, but rely on what Prefect's server remembers: one that was started again takes an event that
follows one from before for a quarter of an hour as not to be looked at yet. This looks at the runs themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from arcops.verdict import Verdict
from flows.prefect.api import (
    Crashed,
    FlowRun,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    ObjectNotFound,
    PrefectClient,
    StateType,
    get_client,
)
from flows.prefect.automations import SILENCE, UNBORN
from flows.prefect.deployed import look_up, start

TAG = "arcops"
"""Tags of the deployments of evaluations (``prefect.yaml``), and of their runs."""
_ACCOUNT = "account-for-run/account-for-run"
_GRACE, _LOOK_BACK = timedelta(seconds=20), timedelta(minutes=30)
"""So long the automation has to account for a run; after that, and no longer than this, it is done here."""
_MOST = 200


async def see_to_all() -> tuple[UUID, ...]:
    """`end_silent`, and have an account made for each run that ended without an artifact. Gives the ids of both."""
    ended = await end_silent()
    asked = []
    for run in await without_verdict(after=_GRACE, back=_LOOK_BACK):
        if not (await look_up(str(run))).artifact:
            await start(_ACCOUNT, {"flow_run_id": str(run)}, key=f"account for {run}")
            asked.append(run)
    return (*ended, *asked)


async def without_verdict(*, after: timedelta, back: timedelta) -> list[UUID]:
    """Runs of ours that ended without being RED, GREEN or AMBER, more than *after* ago and less than *back*."""
    now = datetime.now(UTC)
    states = [StateType.CANCELLED, StateType.CRASHED, StateType.FAILED]
    async with get_client() as client:
        found = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[TAG]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)),
                end_time=FlowRunFilterEndTime.model_validate({"after_": now - back, "before_": now - after}),
            ),
            limit=_MOST,
        )
    return [one.id for one in found if one.state is None or one.state.name != Verdict.RED.value]


async def end_silent(*, silence: timedelta = SILENCE) -> tuple[UUID, ...]:
    """End every run of ours that shows no sign of life for *silence*, and give the ids. They become Crashed.

    A run that is pending may wait `UNBORN` on a pool whose workers start something slow, such as a container.
    """
    now = datetime.now(UTC)
    ended = []
    async with get_client() as client:
        states = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
        found = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[TAG]),
                state=FlowRunFilterState(type=states),
            ),
            limit=_MOST,
        )
        for run in found:
            if await _silent(client, run, now, silence):
                why = f"the run sent no heartbeat for {silence.total_seconds():g} s: it is lost"
                await client.set_flow_run_state(run.id, Crashed(message=why))
                ended.append(run.id)
    return tuple(ended)


async def _silent(client: PrefectClient, run: FlowRun, now: datetime, silence: timedelta) -> bool:
    state = run.state
    if state is None:
        return False
    if state.type is StateType.PENDING and not await _starts_at_once(client, run):
        silence = UNBORN
    if now - state.timestamp <= silence:
        return False
    return not await _heard(client, run.id, since=now - silence)


async def _starts_at_once(client: PrefectClient, run: FlowRun) -> bool:
    """Is a run of this pool a process, which begins within seconds?"""
    if not run.work_pool_name:
        return True
    try:
        return (await client.read_work_pool(run.work_pool_name)).type == "process"
    except ObjectNotFound:
        return True


async def _heard(client: PrefectClient, run: UUID, *, since: datetime) -> bool:
    """Was there a heartbeat of the *run* since then?"""
    asked = {
        "filter": {
            "event": {"name": ["prefect.flow-run.heartbeat"]},
            "resource": {"id": [f"prefect.flow-run.{run}"]},
            "occurred": {"since": since.isoformat()},
        },
        "limit": 1,
    }
    answer = await client.request("POST", "/events/filter", json=asked)
    return bool(answer.json()["events"])
