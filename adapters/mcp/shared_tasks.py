"""Tasks that every instance of a site may be asked about: they are kept in the database that the instances share."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types

from adapters.mcp.names import KIND
from arcops.errors import ArcOpsError
from foundation.database.tasks import SAY_SECONDS, TaskRow, TaskRows

_log = logging.getLogger(__name__)


class SharedTasks:
    """The tasks in the database that *opened* opens, when the first one is begun or asked about. Threads may share it."""

    def __init__(self, opened: Callable[[], TaskRows], *, every: float = SAY_SECONDS) -> None:
        self._opened = opened
        self._every = every
        self._rows: TaskRows | None = None
        self._running: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, id_: str, owner: str, note: Mapping[str, Any], stop: threading.Event | None) -> None:
        """A task begins. With *stop*, it is worked on here until `end`; else it is a run of Prefect. Raises `Unavailable`."""
        self._at().begin(id_, owner, json.dumps(note), elsewhere=stop is None)
        if stop is not None:
            with self._lock:
                self._running[id_] = stop
                if self._thread is None:
                    self._thread = threading.Thread(target=self._say, name="tasks", daemon=True)
                    self._thread.start()

    def end(self, id_: str, said: Mapping[str, Any]) -> None:
        """A task that was worked on here ended. If the database is lost, the other instances will say that its host is."""
        with self._lock:
            self._running.pop(id_, None)
        try:
            self._at().end(id_, json.dumps(said))
        except ArcOpsError as error:
            _log.warning("the end of task %s could not be told to the other instances: %s", id_, error)

    def find(self, id_: str) -> TaskRow | None:
        """The task *id_* of any instance. Raises `Unavailable`."""
        return self._at().found(id_)

    def stop(self, id_: str) -> None:
        """Ask the host of the task *id_* to stop it. Raises `Unavailable`."""
        self._at().stop(id_)

    def close(self) -> None:
        """Say nothing more, and close the database."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        if self._rows is not None:
            self._rows.close()

    def look(self) -> None:
        """Say which tasks are worked on here, and stop those that someone asked to stop."""
        with self._lock:
            running = dict(self._running)
        if running:
            for id_ in self._at().alive(sorted(running)):
                running[id_].set()

    def _say(self) -> None:
        while not self._closing.wait(self._every):
            try:
                self.look()
            except ArcOpsError as error:
                _log.warning("the other instances could not be told which tasks are worked on here: %s", error)

    def _at(self) -> TaskRows:
        with self._lock:
            if self._rows is None:
                self._rows = self._opened()
            return self._rows


def far_state(row: TaskRow, head: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a task of another instance, as that instance would say it; *head* is what every state has."""
    if row.said:
        found: dict[str, Any] = json.loads(row.said)
        return found
    if row.there:
        return {**head, "status": "working", "statusMessage": "Another instance works on it."}
    said = "the instance that worked on this task ended, or its result was too long to share; call the tool again"
    failure = {"code": types.INTERNAL_ERROR, "message": said, "data": {KIND: "unavailable"}}
    return {**head, "status": "failed", "statusMessage": "There is no result.", "error": failure}
