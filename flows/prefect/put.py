"""Our deployments in Prefect: created if they are missing, corrected if our own entry changed, and otherwise left alone.

What an operator switched stays: whether a deployment is paused, its schedules, its parameters, its limits. Prefect's own
``prefect deploy --all`` sets all of them again, so a schedule that was switched on would be off after a restart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any
from uuid import UUID

import yaml

from flows.prefect.api import (
    ConcurrencyOptions,
    CronSchedule,
    DeploymentEventTrigger,
    DeploymentScheduleCreate,
    DeploymentUpdate,
    Flow,
    ObjectNotFound,
    PrefectClient,
    WorkPoolCreate,
    WorkPoolUpdate,
    get_client,
    parameter_schema,
)
from flows.prefect.automations import put_automation

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``missing`` are the entries that Prefect does not have, ``changed`` those that differ from when they were put."""

    missing: tuple[Entry, ...]
    changed: tuple[Entry, ...]


async def put_pool(name: str, template: Mapping[str, Any]) -> None:
    """The work pool *name* of processes, whose runs start as *template* says. Nothing else of an existing one is changed."""
    async with get_client() as client:
        try:
            await client.read_work_pool(name)
        except ObjectNotFound:
            await client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=dict(template)))
        else:
            await client.update_work_pool(name, WorkPoolUpdate(base_job_template=dict(template)))


async def compare(text: str) -> Plan:
    """*text*, a complete ``prefect.yaml``, compared with the deployments that Prefect has. Each entry gets its version."""
    document: dict[str, Any] = yaml.safe_load(text)
    missing, changed = [], []
    async with get_client() as client:
        for entry in document["deployments"]:
            marked = {**entry, "version": _version_of(entry)}
            there = await _version_there(client, entry)
            if there is None:
                missing.append(marked)
            elif there != marked["version"]:
                changed.append(marked)
    return Plan(missing=tuple(missing), changed=tuple(changed))


async def create(missing: Sequence[Entry]) -> None:
    """Put *missing* as ``prefect deploy`` does, which takes a process of some seconds."""
    async with get_client() as client:
        for entry in missing:
            flow = _flow(entry)
            limit = entry.get("concurrency_limit")
            made = await client.create_deployment(
                flow_id=await client.create_flow_from_name(flow.name),
                name=entry["name"],
                version=entry["version"],
                description=entry.get("description") or flow.description,
                entrypoint=entry["entrypoint"],
                tags=list(entry.get("tags", ())),
                work_pool_name=entry["work_pool"]["name"],
                work_queue_name=entry["work_pool"].get("work_queue_name"),
                schedules=[_schedule(one) for one in entry.get("schedules", ())],
                concurrency_limit=limit["limit"] if limit else None,
                concurrency_options=ConcurrencyOptions(collision_strategy=limit["collision_strategy"]) if limit else None,
                parameters=dict(entry.get("parameters", {})),
                parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
                enforce_parameter_schema=entry.get("enforce_parameter_schema", True),
                job_variables={},
                pull_steps=[],
            )
            await _put_triggers(client, entry, made)


async def correct(changed: Sequence[Entry]) -> None:
    """Tell Prefect what our own entries say now, except what an operator may have switched."""
    async with get_client() as client:
        for entry in changed:
            flow = _flow(entry)
            found = await client.read_deployment_by_name(f"{flow.name}/{entry['name']}")
            update = DeploymentUpdate(
                version=entry["version"],
                description=entry.get("description"),
                entrypoint=entry["entrypoint"],
                enforce_parameter_schema=entry.get("enforce_parameter_schema", True),
                parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
            )
            await client.update_deployment(found.id, update)
            await _put_triggers(client, entry, found.id)


async def _put_triggers(client: PrefectClient, entry: Entry, deployment: UUID) -> None:
    for given in entry.get("triggers", ()):
        trigger = DeploymentEventTrigger.model_validate(given)
        trigger.set_deployment_id(deployment)
        await put_automation(client, trigger.as_automation())


def _schedule(given: Mapping[str, Any]) -> DeploymentScheduleCreate:
    when = CronSchedule(cron=given["cron"], timezone=given["timezone"])
    return DeploymentScheduleCreate(schedule=when, active=given.get("active", True))


def _version_of(entry: Entry) -> str:
    """What stands for the *entry* and for the program that its flow is from."""
    said = json.dumps(entry, sort_keys=True, default=str).encode()
    return f"{version('arcops')}-{hashlib.sha256(said).hexdigest()[:12]}"


async def _version_there(client: PrefectClient, entry: Entry) -> str | None:
    """The version of the deployment of *entry*; empty if it was put by another way, ``None`` if there is no such deployment."""
    try:
        found = await client.read_deployment_by_name(f"{_flow(entry).name}/{entry['name']}")
    except ObjectNotFound:
        return None
    return found.version or ""


def _flow(entry: Entry) -> Flow[Any, Any]:
    module, _, name = str(entry["entrypoint"]).rpartition(".")
    flow: Flow[Any, Any] = getattr(import_module(module), name)
    return flow
