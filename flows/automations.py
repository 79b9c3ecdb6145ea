"""The automations that keep Prefect's view honest: no run stays RUNNING for ever, and none ends without an artifact.

``python -m flows.automations`` puts them, and puts them right where they are there already.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events import AutomationCore, ChangeFlowRunState, EventTrigger, Posture, RunDeployment

from arcops.errors import Refused
from arcops.verdict import Verdict
from flows.prefect_api import ObjectNotFound, PrefectClient, get_client

SILENCE = timedelta(seconds=90)
"""Three heartbeats."""

LOST = "arcops: a run that fell silent is lost"
ACCOUNT = "arcops: a run without an artifact gets one"

_LOST_STATES = ("Cancelled", "Crashed", "Failed", "TimedOut")
_ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "TimedOut", *(verdict.value for verdict in Verdict))


def automations(account_for_run: UUID, *, silence: timedelta = SILENCE) -> tuple[AutomationCore, ...]:
    """Both, where *account_for_run* is the id of that deployment and *silence* how long a live run may say nothing."""
    related = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.arcops"}
    return (
        AutomationCore(
            name=LOST,
            description="A run whose worker and process died together would stay RUNNING for ever; this makes it Crashed.",
            trigger=EventTrigger(
                match={"prefect.resource.id": "prefect.flow-run.*"},  # type: ignore[arg-type]  # pydantic makes it one
                match_related=related,
                after={"prefect.flow-run.heartbeat"},
                expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{name}" for name in _ENDS)},
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=silence,
            ),
            actions=[
                ChangeFlowRunState(
                    name="Crashed",
                    state=StateType.CRASHED,
                    message=f"the run said nothing for {silence.total_seconds():g} s: it is lost",
                    force=False,
                )
            ],
        ),
        AutomationCore(
            name=ACCOUNT,
            description="A run that ended without a verdict left no artifact; this seals a RED one.",
            trigger=EventTrigger(
                match={"prefect.resource.id": "prefect.flow-run.*"},  # type: ignore[arg-type]  # as above
                match_related=related,
                expect={f"prefect.flow-run.{name}" for name in _LOST_STATES},
                for_each={"prefect.resource.id"},
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[
                RunDeployment(
                    source="selected",
                    deployment_id=account_for_run,
                    parameters={"flow_run_id": {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}},
                    job_variables=None,
                )
            ],
        ),
    )


async def apply(*, silence: timedelta = SILENCE) -> None:
    """Put the automations. Raises `Refused` where the deployments are not there yet."""
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name("account-for-run/account-for-run")
        except ObjectNotFound as error:
            raise Refused("there is no deployment account-for-run yet; run 'prefect deploy --all' first") from error
        for automation in automations(deployment.id, silence=silence):
            await _put(client, automation)


async def _put(client: PrefectClient, automation: AutomationCore) -> None:
    there = await client.read_automations_by_name(automation.name)
    if there:
        await client.update_automation(there[0].id, automation)
    else:
        await client.create_automation(automation)
    for twin in there[1:]:
        await client.delete_automation(twin.id)


if __name__ == "__main__":
    asyncio.run(apply())
    print(f"put: {LOST}; {ACCOUNT}")
