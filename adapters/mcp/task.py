"""One task, and what is said of it while it is worked on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.mcp.names import POLL_MS, PROGRESS
from capabilities.contract import Tool
from capabilities.place import Place

if TYPE_CHECKING:
    from foundation.database.tasks import TaskRow

KEPT_MS = 7 * 24 * 3600 * 1000
HERE_MS = 3600 * 1000
"""How long a task is known after its last change, both as a run of Prefect and as work of this process."""
ACCOUNT_LOOKS = 180
"""How often the artifact of an ended run is looked for before the run counts as having none."""


@dataclass(slots=True, kw_only=True)
class Task:
    """One task. ``future`` is its work if that is done here; if not, it is a run of Prefect, begun with ``parameters``."""

    id: str
    tool: Tool[Any, Any]
    ask: Any
    owner: str
    created: datetime
    updated: datetime
    at: Place
    future: Future[Any] | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    message: str = "The work has begun."
    progress: tuple[int, int] | None = None
    patience: int = ACCOUNT_LOOKS
    whole: bool = False
    said: dict[str, Any] = field(default_factory=dict)


def state_of(task: Task, status: str) -> dict[str, Any]:
    """The state of *task*, which is worked on here or as a run of Prefect, with this *status*."""
    return {
        **({"_meta": {PROGRESS: list(task.progress)}} if task.progress else {}),
        "taskId": task.id,
        "status": status,
        "statusMessage": task.message[:1000],
        "createdAt": f"{task.created:%Y-%m-%dT%H:%M:%SZ}",
        "lastUpdatedAt": f"{task.updated:%Y-%m-%dT%H:%M:%SZ}",
        "ttlMs": KEPT_MS if task.future is None else HERE_MS,
        "pollIntervalMs": POLL_MS,
    }


def far(row: TaskRow) -> dict[str, Any]:
    """The state of the task of another instance."""
    created = datetime.fromisoformat(json.loads(row.note)["created"])
    head = {
        "taskId": row.id,
        "createdAt": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "lastUpdatedAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "ttlMs": HERE_MS,
        "pollIntervalMs": POLL_MS,
    }
    from adapters.mcp.shared_tasks import far_state  # only a server that shares its tasks has such a row

    return far_state(row, head)
