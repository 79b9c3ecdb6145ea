"""The flow ``account-for-run``: the artifact of a run that could not leave one itself.

A run that was refused a slot, cancelled before it began, crashed, or lost its worker and its process together sealed nothing.
`flows.automations` sends each such run here, and what nobody saw is RED.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from arcops.errors import Refused
from arcops.evidence import Cause
from flows.deployed import look_up
from flows.evaluations import evaluation
from flows.flow import Bench
from flows.lost import nothing_seen, plan_or_all
from flows.plan import all_gates
from flows.prefect_api import Completed, State, flow, get_client
from flows.shown import as_state, show


@flow(name="account-for-run", persist_result=False, validate_parameters=True)
async def account_for_run(flow_run_id: UUID) -> State[None]:
    """Seal a RED artifact for the run *flow_run_id*, unless it left one."""
    found = await look_up(str(flow_run_id))
    if found.artifact:
        return Completed(name="Accounted", message=f"the run left the artifact {found.artifact}")
    if not found.ended:
        raise Refused(f"the run {flow_run_id} has not ended, so there is nothing to account for yet")
    async with get_client() as client:
        run = await client.read_flow_run(flow_run_id)
        name = (await client.read_flow(run.flow_id)).name
    what = evaluation(name)
    bench = Bench.here()
    asked = run.parameters
    request = bench.request(
        str(asked.get("target", "/")), what.kind, asked.get("attached", ()), datetime.now(UTC).replace(microsecond=0)
    )
    plan = plan_or_all(request, str(asked.get("policy", what.policy)), [gate for gate in all_gates() if what.judges(gate)])
    reason = f"the run {flow_run_id} ended {found.state} before anything was sealed: {found.message or 'nobody said why'}"
    sealed = await asyncio.to_thread(bench.keep, plan, nothing_seen(plan, Cause.CANCELLED, reason[:1000]))
    await show(sealed, note=f"For the run {flow_run_id}.", public_url=bench.settings.public_url, run=flow_run_id)
    return Completed(name="Accounted", message=as_state(sealed).message)
