"""The flow ``recheck-expiring``: what will soon stop being valid is checked again before that.

It reads the store's log, and no index. If a run of Prefect made the artifact, it starts that run again with the same
parameters. If not, the target's path is not known, so it sends an event that says that the artifact expires.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from artifacts.index import Listed
from artifacts.store import Store
from flows.prefect.api import (
    ArtifactFilter,
    ArtifactFilterType,
    Completed,
    PrefectClient,
    State,
    arun_deployment,
    emit_event,
    flow,
    get_client,
)
from flows.prefect.flow import here
from flows.prefect.shown import REPORT_TYPE

Hours = Annotated[
    int, Field(title="Hours", description="Check again what is valid for less than so many hours.", ge=1, le=24 * 365)
]
_MOST = 10_000


@flow(name="recheck-expiring", persist_result=False, validate_parameters=True)
async def recheck_expiring(hours: Hours = 24) -> State[None]:
    """Start a run for each subject whose newest artifact holds for less than *hours*, once for each artifact."""
    now = datetime.now(UTC)
    listed = await asyncio.to_thread(_newest)
    expiring = expires_within(listed, now, timedelta(hours=hours))
    begun = 0
    async with get_client() as client:
        runs = await _runs(client)
        for one in expiring:
            run = runs.get(one.artifact)
            if run is not None and await _again(client, run, one.artifact):
                begun += 1
            else:
                emit_event(
                    event="arcops.artifact.expiring",
                    resource={"prefect.resource.id": f"arcops.artifact.{one.artifact}", "prefect.resource.name": one.subject},
                    payload={"validUntil": f"{one.valid_until:%Y-%m-%dT%H:%M:%SZ}", "policy": one.policy},
                )
    return Completed(message=f"{len(expiring)} expiring, {begun} checked again, {len(expiring) - begun} announced")


def _newest() -> tuple[Listed, ...]:
    """The newest artifacts by the log and their own content: what is started here does not rely on an index."""
    with Store.at(here().settings) as store:
        return store.newest(_MOST)


def expires_within(listed: tuple[Listed, ...], now: datetime, margin: timedelta) -> tuple[Listed, ...]:
    """Of *listed*, newest first, the newest artifact of each subject and policy that is valid now but not for *margin*."""
    newest: dict[tuple[str, str, str], Listed] = {}
    for one in listed:
        newest.setdefault((one.predicate_type, one.subject, one.policy), one)
    return tuple(one for one in newest.values() if one.valid_until is not None and now < one.valid_until <= now + margin)


async def _runs(client: PrefectClient) -> dict[str, UUID]:
    """The runs that made artifacts, by digest."""
    reports = await client.read_artifacts(artifact_filter=ArtifactFilter(type=ArtifactFilterType(any_=[REPORT_TYPE])))
    return {one.description: one.flow_run_id for one in reports if one.description and one.flow_run_id}


async def _again(client: PrefectClient, run_id: UUID, artifact: str) -> bool:
    run = await client.read_flow_run(run_id)
    if run.deployment_id is None or run.parameters.get("kubeconfig"):
        return False  # no run takes a kubeconfig any more, and without it the same context may mean another cluster
    # Its output file exists by now, and no file is overwritten.
    parameters = {name: value for name, value in run.parameters.items() if name != "output"}
    await arun_deployment(
        run.deployment_id, client=client, parameters=parameters, timeout=0, as_subflow=False,
        idempotency_key=f"recheck-{artifact}",
    )  # fmt: skip
    return True
