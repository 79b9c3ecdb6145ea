"""Announce a change to Prefect, so that the deployments that wait for it run their checks again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import uuid4

from arcops.errors import Refused
from flows.prefect.client import asked

KINDS = ("model", "policy")


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
