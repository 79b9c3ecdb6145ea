"""One server by itself: a program of this machine behind the relay, without a row, a lock or a verdict, because its maker runs
it. Callers, limits and records are those of every hosted server.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from foundation.processes.environments import of_program
from foundation.processes.keeping import Keeping
from services.host.eras import Era
from services.host.hosted import Row, Shown, State
from services.host.one_server import Key, OneServer, Running
from services.host.pipe import HostedPipe
from services.host.process_pipe import ProcessPipe
from services.host.spec import OURS

_MOST = 64
_MOST_LINES = 20
_LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


class ByItself(OneServer):
    """As `services.host.hosted.Hosted`, for the one server of *row*, which *command* starts in *folder*.

    Its processes get the variables of *environment* that are not ours. At most *most* run at once.
    """

    def __init__(
        self, row: Row, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], most: int = _MOST
    ) -> None:
        super().__init__(row, most=most, unused="no one has asked for it yet")
        self._command, self._folder = tuple(command), folder
        own = {name: value for name, value in environment.items() if not name.upper().startswith(OURS)}
        self._environment = {**of_program(str(folder)), **own}
        self._keeping = Keeping()
        self._errors: deque[str] = deque(maxlen=_MOST_LINES)

    def all_shown(self) -> dict[str, Shown]:
        """As `shown`, by its name."""
        found = self.shown(self._row.name)
        return {self._row.name: found} if found is not None else {}

    def restart(self, why: str) -> None:
        """End every process; the next request starts one."""
        for running in list(self._running.values()):
            running.pipe.end(why)

    def _key(self, session: str, era: Era) -> Key:
        return Key(era=None, session=session)

    async def _pipe(self) -> HostedPipe:
        self._say(State.STARTING, "starting")
        kept = await self._keeping.begin(self._command, environment=self._environment, folder=str(self._folder))
        pipe = ProcessPipe(kept, self._keeping, said=self._heard, secrets=())
        await pipe.begin()
        self._say(State.RUNNING, f"process {pipe.pid} began")
        return pipe

    def _heard(self, line: str) -> None:
        self._errors.append(line)
        _log.info("%s: %s", self._row.name, line)

    def _told(self) -> Iterable[str]:
        return self._errors

    def _was_ended(self, running: Running) -> None:
        if not self._running:
            self._say(State.PENDING, f"no process runs: {running.pipe.over}")

    def _ended_itself(self, running: Running) -> None:
        _log.error("%s: process %s ended by itself: %s", self._row.name, running.pipe.pid, running.pipe.over)
        if not self._running:
            self._say(State.ERROR, running.pipe.over)

    @asynccontextmanager
    async def running(self, *, look: Callable[[], object] | None = None) -> AsyncIterator[None]:
        """Serve meanwhile; at the end every process is ended. *look* gives something else whenever the code has changed: then
        its processes end, and the next request starts the new code.
        """
        tasks = [asyncio.create_task(self._keeping.renewing())]
        if look is not None:
            tasks.append(asyncio.create_task(self._reloading(look)))
        try:
            yield
        finally:
            await self._close(tasks, "this host ends")
            self._keeping.leave()
            await asyncio.to_thread(self._keeping.close)

    async def _reloading(self, look: Callable[[], object]) -> None:
        seen = await asyncio.to_thread(look)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = await asyncio.to_thread(look)
            if now != seen:
                seen = now
                self.restart("its code has changed")
