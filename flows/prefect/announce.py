"""Announce to Prefect what changed and what was kept, so that the deployments and automations that wait for it run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from arcops.errors import Refused
from flows.prefect.client import asked

KINDS = ("model", "policy", "release")
KEPT = "arcops.artifact.kept"
_KEPT_EVENTS = UUID("6a0f1e6e-5b3c-5c1e-9d0a-7f6f6c2d9b41")
"""The name space of the ids of events about kept artifacts, so that an event that comes twice has the same id."""


async def announce(kind: str, name: str, *, target: str, policy: str) -> str:
    """Say that the *kind* with this *name* changed, so that *target* is checked by *policy*.

    Returns the event's id. Raises `Refused` for a kind that no deployment waits for, and as `asked` does.
    """
    if kind not in KINDS:
        raise Refused(f"no deployment waits for a change of {kind!r}; announce one of: {', '.join(KINDS)}")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:80].strip("-") or "unnamed"
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": f"arcops.{kind}.changed",
        "resource": {"prefect.resource.id": f"arcops.{kind}.{slug}", "prefect.resource.name": name[:200]},
        "payload": {"target": target, "policy": policy},
    }
    async with asked("the event") as client:
        await client.request("POST", "/events", json=[event])
    return str(event["id"])


async def announce_kept(id_: str, body: bytes) -> None:
    """Say that an artifact was kept: *body* is what is told about it, as JSON (`flows.publish.announcement`).

    The event's resource is the artifact; its subject and policy are in the payload. Raises as `asked` does.
    """
    told = json.loads(body)["data"]
    artifact = str(told["artifact"])
    event = {
        "id": str(uuid5(_KEPT_EVENTS, id_)),
        "occurred": datetime.now(UTC).isoformat(),
        "event": KEPT,
        "resource": {
            "prefect.resource.id": f"arcops.artifact.{artifact.partition(':')[2]}",
            "prefect.resource.name": str(told.get("subject", ""))[:200] or artifact,
            "arcops.verdict": str(told.get("verdict") or "none"),
            "arcops.kind": str(told.get("kind", "")),
            "arcops.site": str(told.get("site", "")),
        },
        "payload": told,
    }
    async with asked("the event") as client:
        await client.request("POST", "/events", json=[event])
