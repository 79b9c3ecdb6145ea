"""What every door that serves one server alone has: its links by session, a limit of them, and how the server is shown."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from services.host.eras import Era
from services.host.hosted import NotYet, Row, Shown, State
from services.host.link import Link
from services.host.pipe import HostedPipe

END_SECONDS = 8.0
"""How long what serves may take to end."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whose link it is. ``session`` is empty if sessions share one; ``era`` is ``None`` if one serves both eras."""

    era: Era | None
    session: str


@dataclass(slots=True, kw_only=True, eq=False)
class Running:
    """A link of the server, and the pipe below it."""

    link: Link
    pipe: HostedPipe


class OneServer(ABC):
    """As `services.host.hosted.Hosted`, of the one server of *row*, which is served at most *most* times at once.

    A kind of it says how a pipe to the server begins, and what it means that one ended.
    """

    def __init__(self, row: Row, *, most: int, unused: str) -> None:
        self._row, self._most = row, most
        self._running: dict[Key, Running] = {}
        self._starting: dict[Key, asyncio.Task[Running]] = {}
        self._state, self._reason, self._since = State.PENDING, unused, datetime.now(UTC)
        self._calls = self._restarts = 0
        self._closing = False

    @abstractmethod
    async def _pipe(self) -> HostedPipe:
        """A new pipe to the server. Raises `Unavailable` if it cannot be had now, and `Refused`."""

    def _was_ended(self, running: Running) -> None:
        """*running*, which we ended, is gone."""
        return

    @abstractmethod
    def _ended_itself(self, running: Running) -> None:
        """*running* is gone, and no one here asked for that."""

    @abstractmethod
    def _key(self, session: str, era: Era) -> Key:
        """Whose link a caller with this *session* and *era* gets."""

    def _told(self) -> Iterable[str]:
        """The last lines that the server wrote to its standard error."""
        return ()

    def row(self, name: str) -> Row | None:
        """As `Hosted.row`."""
        return self._row if name == self._row.name else None

    async def elsewhere(self, name: str) -> str:
        """As `Hosted.elsewhere`: there is no other one."""
        return ""

    def shown(self, name: str) -> Shown | None:
        """As `Hosted.shown`."""
        if name != self._row.name:
            return None
        return Shown(
            state=self._state,
            reason=self._reason,
            since=self._since,
            pids=tuple(one.pipe.pid for one in self._running.values() if one.pipe.pid is not None),
            calls=self._calls + sum(one.link.counts.calls for one in self._running.values()),
            restarts=self._restarts,
            stderr=tuple(self._told()),
        )

    def gone(self, name: str, session: str) -> None:
        """As `Hosted.gone`."""
        for key, running in list(self._running.items()):
            if key.session and key.session == session:
                running.pipe.end("its session ended")

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        """As `Hosted.link`."""
        if name != self._row.name:
            raise Refused(f"there is no server {name[:100]!r} here")
        if self._closing:
            raise NotYet(f"{name} is ending here", state=State.STOPPED, retry=1)
        key = self._key("" if self._row.stateless else session, era)
        running = self._running.get(key)
        if running is not None and not running.link.ended and not running.pipe.asked:
            return running.link
        starting = self._starting.get(key)
        if starting is None:
            self._refuse_more()
            starting = self._starting[key] = asyncio.get_running_loop().create_task(self._started(key))
            starting.add_done_callback(partial(self._settled, key))
        return (await asyncio.shield(starting)).link

    def _refuse_more(self) -> None:
        here = len(self._running) + len(self._starting)
        if here >= self._most:
            said = f"{self._row.name} is served {here} times here already, which is the limit; end a session, or try again"
            raise NotYet(said, state=self._state, retry=5, full=True)

    async def _started(self, key: Key) -> Running:
        try:
            running = await self._joined(private=bool(key.session))
        except Unavailable as error:
            self._lost(str(error))
            raise NotYet(f"{self._row.name} cannot be reached: {error}", state=State.ERROR, retry=2) from error
        self._running[key] = running
        running.pipe.when_over(partial(self._ended, key, running))
        return running

    async def _joined(self, *, private: bool) -> Running:
        pipe = await self._pipe()
        return Running(link=Link(pipe, name=self._row.name, private=private, seconds=self._row.call_seconds), pipe=pipe)

    def _settled(self, key: Key, done: asyncio.Task[Running]) -> None:
        self._starting.pop(key, None)
        if not done.cancelled():
            done.exception()  # who waited has it; no one may have waited

    def _ended(self, key: Key, running: Running) -> None:
        if self._running.get(key) is running:
            del self._running[key]
        self._calls += running.link.counts.calls
        if running.pipe.asked:
            self._was_ended(running)
            return
        self._restarts += 1
        self._ended_itself(running)

    def _lost(self, why: str) -> None:
        """It cannot be asked now."""
        self._say(State.ERROR, why)

    def _say(self, state: State, reason: str) -> None:
        if state is not self._state:
            self._since = datetime.now(UTC)
            _log.info("%s is %s: %s", self._row.name, state.value, reason)
        self._state, self._reason = state, reason

    async def _close(self, tasks: Iterable[asyncio.Task[None]], why: str) -> None:
        """End *tasks* and every link, *why* in a sentence; nothing begins any more."""
        self._closing = True
        for task in (*tasks, *self._starting.values()):
            task.cancel()
        pipes = [one.pipe for one in self._running.values()]
        for pipe in pipes:
            pipe.end(why)
        if pipes:
            loop = asyncio.get_running_loop()
            await asyncio.wait([loop.create_task(one.left()) for one in pipes], timeout=END_SECONDS)
