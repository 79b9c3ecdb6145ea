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

import yaml

from flows.prefect.api import (
    DeploymentEventTrigger,
    DeploymentUpdate,
    Flow,
    ObjectNotFound,
    PrefectClient,
    get_client,
    parameter_schema,
)
from flows.prefect.automations import put_automation

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``missing`` is a ``prefect.yaml`` with the entries that Prefect does not have, empty if it has all; ``changed`` are the
    entries that are not as they were when they were put.
    """

    missing: str
    changed: tuple[Entry, ...]


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
    if not missing:
        return Plan(missing="", changed=tuple(changed))
    return Plan(missing=yaml.safe_dump({**document, "deployments": missing}, sort_keys=False), changed=tuple(changed))


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
                parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
            )
            await client.update_deployment(found.id, update)
            for given in entry.get("triggers", ()):
                trigger = DeploymentEventTrigger.model_validate(given)
                trigger.set_deployment_id(found.id)
                await put_automation(client, trigger.as_automation())


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
