"""The automations that keep Prefect's view true: no run stays RUNNING for ever, and none ends without an artifact.

``python -m flows.prefect.automations`` creates them, and corrects those that differ.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from arcops.errors import Refused
from arcops.verdict import Verdict
from flows.prefect.api import (
    AutomationCore,
    ChangeFlowRunState,
    EventTrigger,
    ObjectNotFound,
    Posture,
    PrefectClient,
    RunDeployment,
    StateType,
    get_client,
)

SILENCE = timedelta(seconds=90)
"""Three heartbeats."""

UNBORN = timedelta(minutes=15)
"""How long a run may be pending: an image is pulled, a process starts. After that its worker counts as lost."""

LOST = "arcops: a run that fell silent is lost"
STUCK = "arcops: a run that never began is lost"
ACCOUNT = "arcops: a run without an artifact gets one"

_RUNS: dict[str, str | list[str]] = {"prefect.resource.id": "prefect.flow-run.*"}
_OURS: dict[str, str | list[str]] = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.arcops"}
_LOST = {f"prefect.flow-run.{name}" for name in ("Cancelled", "Crashed", "Failed", "TimedOut")}
_ENDS = {*_LOST, "prefect.flow-run.Completed", *(f"prefect.flow-run.{verdict.value}" for verdict in Verdict)}


def automations(account_for_run: UUID, *, silence: timedelta = SILENCE) -> tuple[AutomationCore, ...]:
    """All three. *account_for_run* is that deployment's id; *silence* is how long a live run may send no heartbeat."""
    return (
        _crashes(
            LOST,
            "A run whose worker and process died together would stay RUNNING for ever; this makes it Crashed.",
            after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *_ENDS},
            within=silence,
        ),
        _crashes(
            STUCK,
            "A run whose worker died before it began would stay PENDING for ever; this makes it Crashed.",
            after={"prefect.flow-run.Pending"},
            expect={"prefect.flow-run.Running", "prefect.flow-run.Scheduled", *_ENDS},
            within=UNBORN,
        ),
        AutomationCore(
            name=ACCOUNT,
            description="A run that ended without a verdict left no artifact; this seals a RED one.",
            trigger=EventTrigger(
                match=_RUNS,
                match_related=_OURS,
                expect=_LOST,
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


def _crashes(name: str, why: str, *, after: set[str], expect: set[str], within: timedelta) -> AutomationCore:
    """A run of ours becomes Crashed if, after one of *after*, it shows none of *expect* for so long."""
    return AutomationCore(
        name=name,
        description=why,
        trigger=EventTrigger(
            match=_RUNS,
            match_related=_OURS,
            after=after,
            expect=expect,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                message=f"the run sent no heartbeat for {within.total_seconds():g} s: it is lost",
                force=False,
            )
        ],
    )


async def apply(*, silence: timedelta = SILENCE) -> None:
    """Create the automations. Raises `Refused` if the deployments do not exist yet."""
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name("account-for-run/account-for-run")
        except ObjectNotFound as error:
            raise Refused("there is no deployment account-for-run yet; run 'prefect deploy --all' first") from error
        for automation in automations(deployment.id, silence=silence):
            await put_automation(client, automation)


async def put_automation(client: PrefectClient, automation: AutomationCore) -> None:
    """An automation that is right stays untouched: an update makes Prefect forget the runs that it waits for. Whether it is
    switched on is the operator's to say.
    """
    there = await client.read_automations_by_name(automation.name)
    if not there:
        await client.create_automation(automation)
    elif _said(there[0]) != _said(automation):
        await client.update_automation(there[0].id, automation.model_copy(update={"enabled": there[0].enabled}))
    for twin in there[1:]:
        await client.delete_automation(twin.id)


def _said(automation: AutomationCore) -> dict[str, Any]:
    """What an automation does, without what Prefect's server adds to it."""
    said: dict[str, Any] = _ordered(automation.model_dump(mode="json", include={"name", "description", "trigger", "actions"}))
    return said


def _ordered(value: Any) -> Any:
    """*value* with its lists sorted: those of a trigger are sets, in another order in each process."""
    if isinstance(value, dict):
        return {name: _ordered(member) for name, member in value.items()}
    return sorted(map(_ordered, value), key=repr) if isinstance(value, list) else value


if __name__ == "__main__":
    asyncio.run(apply())
    print(f"created or corrected: {LOST}; {STUCK}; {ACCOUNT}")
