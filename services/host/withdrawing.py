"""Verdicts that a running server showed to be wrong: they count no more, here at once and on every host soon."""

from __future__ import annotations

import asyncio
import logging

from arcops.errors import ArcOpsError, Refused
from services.host.rows import HostedRow, Rows

_AGAIN_SECONDS = 4.0

_log = logging.getLogger(__name__)


class Withdrawing:
    """Withdraws verdicts in *rows*. For the thread of one event loop."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._here: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def withdraw(self, name: str, artifact: str, why: str) -> None:
        """The verdict *artifact* about *name* counts no more. The database is told until it hears it."""
        self._here[artifact] = why
        task = asyncio.get_running_loop().create_task(self._told(name, artifact, why))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refuse(self, row: HostedRow) -> None:
        """Raise `Refused` if this host withdrew the verdict of *row*, whatever the database says by now."""
        if row.judged is not None and (why := self._here.get(row.judged.artifact)):
            raise Refused(refusal(row.name, why))

    async def close(self, seconds: float) -> None:
        """Wait at most so many *seconds* for the database, and leave the rest untold."""
        tasks = set(self._tasks)
        if tasks and (late := (await asyncio.wait(tasks, timeout=seconds))[1]):
            for task in late:
                task.cancel()

    async def _told(self, name: str, artifact: str, why: str) -> None:
        while True:
            try:
                await asyncio.to_thread(self._rows.withdraw, name, artifact, why)
                return
            except ArcOpsError as error:
                _log.warning("that the verdict of %s counts no more is not told yet to other hosts: %s", name, error)
                await asyncio.sleep(_AGAIN_SECONDS)


def refusal(name: str, why: str) -> str:
    """What callers of the server *name* are told."""
    return f"{name} may not run: {why}; its operator runs 'arcops host gate {name}' again"
