"""Notes beside the cache: which tool a run of Prefect is of, with which ask, so that a task survives this server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.mcp.task import KEPT_MS, Task
from arcops.errors import Refused
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.wire import from_json, to_json
from artifacts.writing import replace_whole
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.work import told

_MOST_NOTE = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNotes:
    """The notes at ``place`` about runs of ``tools``."""

    tools: Mapping[str, Tool[Any, Any]]
    place: Place

    def write(self, task: Task) -> Mapping[str, Any]:
        """Write the note of *task*, and give what it says. Raises `Refused` if its ask is too long for a note."""
        folder = self.place.settings.cache / "tasks"
        make_private(folder)
        note = {
            "tool": task.tool.name,
            "ask": to_json(task.ask),
            "owner": task.owner,
            "created": task.created.isoformat(),
            "parameters": dict(task.parameters),
            "whole": task.whole,
        }
        text = json.dumps(note).encode()
        if len(text) > _MOST_NOTE:
            raise Refused(f"this ask has {len(text)} bytes, and a task takes at most {_MOST_NOTE}")
        replace_whole(folder / f"{task.id}.json", text, mode=0o600)
        for old in folder.glob("*.json"):
            if task.created.timestamp() - old.stat().st_mtime > KEPT_MS / 1000:
                old.unlink(missing_ok=True)
        return note

    def found(self, task_id: str) -> Task | None:
        """A run of Prefect that an earlier start of this server began."""
        try:
            name = f"{uuid.UUID(task_id)}.json"
            text = read_file(self.place.settings.cache / "tasks" / name, _MOST_NOTE)
        except (ValueError, OSError, Refused):
            return None
        return self.read(task_id, text)

    def read(self, task_id: str, text: str | bytes) -> Task | None:
        """The run of Prefect that a note is about; ``None`` if it is no such note."""
        try:
            note = json.loads(text)
            tool = self.tools[note["tool"]]
            created = datetime.fromisoformat(note["created"])
            ask, parameters = from_json(tool.ask, json.dumps(note["ask"])), dict(note["parameters"])
        except (ValueError, KeyError, TypeError, OSError, Refused):
            return None
        at = told(self.place, lambda done, total: None)
        return Task(
            id=task_id, tool=tool, ask=ask, owner=str(note["owner"]), created=created, updated=datetime.now(UTC), at=at,
            parameters=parameters, whole=note.get("whole") is True,
        )  # fmt: skip
