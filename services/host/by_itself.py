"""One server by itself: a program of this machine behind the relay, without a row, a lock or a verdict, because its maker runs
it. Callers, limits and records are those of every hosted server.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from foundation.processes.environments import of_program
from foundation.processes.keeping import Keeping
from services.host.eras import Era
from services.host.hosted import NotYet, Row, Shown, State
from services.host.link import Link
from services.host.process_pipe import ProcessPipe
from services.host.spec import OURS

_MOST = 64
_MOST_LINES = 20
_LEFT_SECONDS = 8.0
_LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class _Running:
    link: Link
    pipe: ProcessPipe


class ByItself:
    """As `services.host.hosted.Hosted`, for the one server of *row*, which *command* starts in *folder*.

    Its processes get the variables of *environment* that are not ours. At most *most* run at once.
    """

    def __init__(
        self, row: Row, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], most: int = _MOST
    ) -> None:
        self._row, self._command, self._folder, self._most = row, tuple(command), folder, most
        own = {name: value for name, value in environment.items() if not name.upper().startswith(OURS)}
        self._environment = {**of_program(str(folder)), **own}
        self._keeping = Keeping()
        self._running: dict[str, _Running] = {}
        self._starting: dict[str, asyncio.Task[_Running]] = {}
        self._shown = (State.PENDING, "no one has asked for it yet", datetime.now(UTC))
        self._calls = self._restarts = 0
        self._errors: deque[str] = deque(maxlen=_MOST_LINES)

    def row(self, name: str) -> Row | None:
        """As `Hosted.row`."""
        return self._row if name == self._row.name else None

    async def elsewhere(self, name: str) -> str:
        """As `Hosted.elsewhere`: there is no other host."""
        return ""

    def shown(self, name: str) -> Shown | None:
        """As `Hosted.shown`."""
        if name != self._row.name:
            return None
        state, reason, since = self._shown
        return Shown(
            state=state,
            reason=reason,
            since=since,
            pids=tuple(one.pipe.pid for one in self._running.values() if one.pipe.pid is not None),
            calls=self._calls + sum(one.link.counts.calls for one in self._running.values()),
            restarts=self._restarts,
            stderr=tuple(self._errors),
        )

    def all_shown(self) -> dict[str, Shown]:
        """As `shown`, by its name."""
        found = self.shown(self._row.name)
        return {self._row.name: found} if found is not None else {}

    def gone(self, name: str, session: str) -> None:
        """As `Hosted.gone`."""
        if session in self._running:
            self._running[session].pipe.end("its session ended")

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        """As `Hosted.link`."""
        if name != self._row.name:
            raise Refused(f"there is no server {name[:100]!r} here")
        key = "" if self._row.stateless else session
        running = self._running.get(key)
        if running is not None and not running.link.ended and not running.pipe.asked:
            return running.link
        starting = self._starting.get(key)
        if starting is None:
            if len(self._running) + len(self._starting) >= self._most:
                said = f"{name} runs {self._most} times already, which is its limit; end a session first"
                raise NotYet(said, state=State.RUNNING, retry=5, full=True)
            starting = self._starting[key] = asyncio.create_task(self._start(key))
            starting.add_done_callback(partial(self._settled, key))
        return (await asyncio.shield(starting)).link

    def restart(self, why: str) -> None:
        """End every process; the next request starts one."""
        for running in list(self._running.values()):
            running.pipe.end(why)

    async def _start(self, key: str) -> _Running:
        self._say(State.STARTING, "starting")
        try:
            kept = await self._keeping.begin(self._command, environment=self._environment, folder=str(self._folder))
        except Unavailable as error:
            self._say(State.ERROR, str(error))
            raise NotYet(str(error), state=State.ERROR, retry=5) from error
        pipe = ProcessPipe(kept, self._keeping, said=self._heard, secrets=())
        await pipe.begin()
        link = Link(pipe, name=self._row.name, private=bool(key), seconds=self._row.call_seconds)
        running = self._running[key] = _Running(link=link, pipe=pipe)
        pipe.when_over(partial(self._ended, key, running))
        self._say(State.RUNNING, f"process {pipe.pid} began")
        return running

    def _settled(self, key: str, done: asyncio.Task[_Running]) -> None:
        self._starting.pop(key, None)
        if not done.cancelled():
            done.exception()  # who waited has it; no one may have waited

    def _heard(self, line: str) -> None:
        self._errors.append(line)
        _log.info("%s: %s", self._row.name, line)

    def _ended(self, key: str, running: _Running) -> None:
        if self._running.get(key) is running:
            del self._running[key]
        self._calls += running.link.counts.calls
        if running.pipe.asked:
            if not self._running:
                self._say(State.PENDING, f"no process runs: {running.pipe.over}")
            return
        self._restarts += 1
        _log.error("%s: process %s ended by itself: %s", self._row.name, running.pipe.pid, running.pipe.over)
        if not self._running:
            self._say(State.ERROR, running.pipe.over)

    def _say(self, state: State, reason: str) -> None:
        since = self._shown[2] if state is self._shown[0] else datetime.now(UTC)
        self._shown = (state, reason, since)

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
            for task in (*tasks, *self._starting.values()):
                task.cancel()
            there = [one.pipe for one in self._running.values()]
            self.restart("this host ends")
            if there:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.gather(*(one.left() for one in there)), _LEFT_SECONDS)
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
