"""The flow ``account-for-run``: the artifact of a run that could not leave one itself.

A run seals nothing if it was refused a slot, was cancelled before it began, crashed, or lost its worker and its process
together. `flows.prefect.automations` calls this flow for each such run; nothing was seen, so the artifact is RED. That call may
be lost in the same way, so this flow also looks every hour for runs that it missed. Two calls at one moment may leave two
artifacts; both are RED.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from arcops.errors import Refused
from arcops.evidence import Cause
from flows.policies.unread import nothing_seen, plan_or_all
from flows.prefect.api import Completed, State, flow, get_client
from flows.prefect.deployed import look_up
from flows.prefect.flow import here, keep, refused
from flows.prefect.lost import end_silent, without_verdict
from flows.prefect.shown import as_state, show
from flows.subjects.evaluation import Evaluation, evaluation

_LOOK_BACK = timedelta(days=7)


@flow(name="account-for-run", persist_result=False, validate_parameters=True)
async def account_for_run(flow_run_id: UUID | None = None, after_minutes: int = 10) -> State[None]:
    """Seal a RED artifact for the run *flow_run_id*, or for every run of the last week that left none.

    Runs that fell silent are ended first. Runs that ended less than *after_minutes* ago are left to the automations.
    """
    if flow_run_id is not None:
        return Completed(name="Accounted", message=await _account(flow_run_id))
    lost = await end_silent()
    missed = await without_verdict(after=timedelta(minutes=after_minutes), back=_LOOK_BACK)
    said = [await _account(one) for one in dict.fromkeys((*lost, *missed))]
    return Completed(name="Accounted", message="; ".join(said)[:1000] or "every run left its artifact")


async def _account(flow_run_id: UUID) -> str:
    """What was done for the run, in a sentence."""
    found = await look_up(str(flow_run_id))
    if found.artifact:
        return f"the run {flow_run_id} left the artifact {found.artifact}"
    if not found.ended:
        raise Refused(f"the run {flow_run_id} has not ended yet; call this again after it has ended")
    async with get_client() as client:
        run = await client.read_flow_run(flow_run_id)
        name = (await client.read_flow(run.flow_id)).name
    what, at = evaluation(name), here()
    policy = str(run.parameters.get("policy") or what.default_policy)
    plan = plan_or_all(refused(what, run.parameters, at), policy, what.gates, at.policy)
    why = _unreadable(what, run.parameters) or found.message or "Prefect gives no reason"
    reason = f"the run {flow_run_id} ended {found.state} before anything was sealed: {why}"
    collected = nothing_seen(plan, Cause.CANCELLED, reason[:1000])
    runner = what.runner(str(flow_run_id), run.parameters)
    sealed = await asyncio.to_thread(keep, plan, collected, at, runner=runner)
    await show(sealed, note=f"For the run {flow_run_id}.", public_url=at.settings.public_url, run=flow_run_id)
    return as_state(sealed).message or sealed.digest


def _unreadable(what: Evaluation, parameters: Mapping[str, Any]) -> str:
    """Why no run of *what* can have these *parameters*, in a sentence; empty if one can."""
    try:
        what.read(parameters)
    except Refused as error:
        return str(error)
    return ""
