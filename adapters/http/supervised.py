"""A process that belongs to the server: it starts with the server, is watched, restarted if it ends, and ends with the server.

It must not outlive the server, even if that is killed; and it must not use all of the machine's memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from artifacts.private_folder import make_private
from foundation.processes.starting import empty_folder, start_beside

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 20.0
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 1.0, 60.0
_WELL_SECONDS = 60.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Supervised:
    """``ceiling`` is the most bytes of memory for it and its children; above this they are restarted.

    ``command`` ends with this process by itself (`foundation.processes.starting.python`); it works in a folder made for it.
    ``said`` is empty while it runs well; if not, it is a sentence for probes that says what is wrong.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ceiling: int
    ready: Callable[[], bool]
    said: str = "not started yet"
    restarts: int = 0
    _process: asyncio.subprocess.Process | None = field(default=None)
    _folders: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep it running until the block ends."""
        watch = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        rest = _FIRST_REST_SECONDS
        loop = asyncio.get_running_loop()
        folder = self._folders.enter_context(empty_folder())
        try:
            while True:
                begun = loop.time()
                await self._begin(folder)
                self.said = await self._until_it_falls()
                rest = _FIRST_REST_SECONDS if loop.time() - begun > _WELL_SECONDS else min(rest * 2, _LONGEST_REST_SECONDS)
                self.restarts += 1
                _log.error("%s: %s; its log is %s", self.name, self.said, self.log)
                await asyncio.sleep(rest)
        finally:
            await self._end()
            self._folders.close()

    async def _begin(self, folder: str) -> None:
        make_private(self.log.parent)
        self._process = await start_beside(self.command, environment=self.environment, folder=folder, log=self.log)
        self.said = "started, but does not answer yet"

    async def _until_it_falls(self) -> str:
        process = self._process
        if process is None:
            return "could not be started"
        ended = asyncio.ensure_future(process.wait())
        while True:
            await asyncio.wait({ended}, timeout=_LOOK_SECONDS)
            if ended.done():
                return f"ended with {ended.result()}"
            well = await asyncio.to_thread(self.ready)
            self.said = "" if well else self.said or "runs, but does not answer"
            held = await asyncio.to_thread(memory_of, process.pid)
            if held > self.ceiling:
                await self._end()
                return f"used {held} bytes of memory, more than its limit of {self.ceiling}"

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # the children that it left behind


def memory_of(leader: int) -> int:
    """Bytes of memory of the process *leader* and its descendants (resident, Linux; on other systems 0)."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(entry.name)], pages[int(entry.name)] = int(stat[1]), int(stat[21])
    found = {leader}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return sum(pages.get(one, 0) for one in found) * os.sysconf("SC_PAGE_SIZE")
