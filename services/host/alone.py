"""The one server that a sidecar stands before: connections to it, one for each session, and whether it speaks MCP.

It is in another container of the same pod, behind a Unix socket or at a port of this machine, or it is one of another machine.
Nothing is installed and nothing started here: the one who listens there begins what must begin.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from services.host.elsewhere import Address, pipe_to
from services.host.eras import Era
from services.host.handshake import Opened
from services.host.hosted import NotYet, Row, Shown, State
from services.host.link import Link
from services.host.pipe import HostedPipe
from services.host.socket_pipe import socket_pipe

LOOK_SECONDS = 1.0
_LONGEST_SECONDS = 10.0
_REAP_SECONDS = 5.0
_AGAIN_SECONDS = 15.0
_END_SECONDS = 8.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The place of the server: a Unix socket, or an address. A sidecar has at most ``most`` connections to it, and
    ends one that no one used for ``idle_seconds``. ``authorities`` (PEM) are for an address; the usual ones if empty.
    """

    at: Path | Address
    tier: Tier = Tier.AIR_GAPPED
    most: int = 16
    idle_seconds: float = 600.0
    authorities: str = ""

    async def joined(self, seconds: float) -> HostedPipe:
        """A new connection, a call of which may take *seconds*. Raises `Unavailable` and `Refused`."""
        if isinstance(self.at, Path):
            return await socket_pipe(self.at)
        return pipe_to(self.at, tier=self.tier, seconds=seconds, authorities=self.authorities)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    era: Era
    session: str


@dataclass(slots=True, kw_only=True, eq=False)
class _Running:
    link: Link
    pipe: HostedPipe


class Alone:
    """As `services.host.hosted.Hosted`, of the server of *row* that is *behind* it."""

    def __init__(self, row: Row, behind: Behind) -> None:
        self._row, self._behind = row, behind
        self._running: dict[_Key, _Running] = {}
        self._starting: dict[_Key, asyncio.Task[_Running]] = {}
        self._state, self._reason, self._since = State.PENDING, "no one has spoken with it yet", datetime.now(UTC)
        self._calls = self._restarts = 0
        self._spoken: dict[Era, Opened] = {}
        self._look = asyncio.Event()
        self._closing = False

    @property
    def name(self) -> str:
        """The server's name."""
        return self._row.name

    @property
    def spoken(self) -> tuple[Opened, ...]:
        """What it said at its handshakes, of each era that it speaks; empty until it spoke, and when it does not answer."""
        return tuple(self._spoken.values()) if self._state is State.RUNNING else ()

    @property
    def busy(self) -> int:
        """How many calls wait for it now."""
        return sum(one.link.busy for one in self._running.values())

    def changed(self, row: Row) -> None:
        """Serve by *row* from now on. Connections and sessions go on."""
        self._row = row

    def wrong(self) -> str:
        """Empty if it spoke MCP and can be asked; if not, why, for a probe."""
        return "" if self._state is State.RUNNING else self._reason

    def row(self, name: str) -> Row | None:
        """As `Hosted.row`."""
        return self._row if name == self._row.name else None

    async def elsewhere(self, name: str) -> str:
        """As `Hosted.elsewhere`: each replica has its own."""
        return ""

    def shown(self, name: str) -> Shown | None:
        """As `Hosted.shown`."""
        if name != self._row.name:
            return None
        calls = self._calls + sum(one.link.counts.calls for one in self._running.values())
        return Shown(state=self._state, reason=self._reason, since=self._since, calls=calls, restarts=self._restarts)

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
            raise NotYet("this replica is ending", state=State.STOPPED, retry=1)
        key = _Key(era=era, session="" if self._row.stateless else session)
        running = self._running.get(key)
        if running is not None and not running.link.ended and not running.pipe.asked:
            return running.link
        starting = self._starting.get(key)
        if starting is None:
            self._refuse_more()
            starting = self._starting[key] = asyncio.get_running_loop().create_task(self._started(key))
            starting.add_done_callback(lambda done: self._settled(key, done))
        return (await asyncio.shield(starting)).link

    def _refuse_more(self) -> None:
        here = len(self._running) + len(self._starting)
        if here >= self._behind.most:
            said = f"{self._row.name} has {here} sessions at this replica already, which is its limit; end one, or try again"
            raise NotYet(said, state=self._state, retry=5, full=True)

    async def _started(self, key: _Key) -> _Running:
        try:
            running = await self._joined(private=bool(key.session))
        except Unavailable as error:
            self._lost(str(error))
            raise NotYet(f"{self._row.name} cannot be reached: {error}", state=State.ERROR, retry=2) from error
        self._running[key] = running
        running.pipe.when_over(lambda: self._ended(key, running))
        return running

    async def _joined(self, *, private: bool) -> _Running:
        pipe = await self._behind.joined(self._row.call_seconds)
        return _Running(link=Link(pipe, name=self._row.name, private=private, seconds=self._row.call_seconds), pipe=pipe)

    def _settled(self, key: _Key, done: asyncio.Task[_Running]) -> None:
        self._starting.pop(key, None)
        if not done.cancelled():
            done.exception()  # who waited has it; no one may have waited

    def _ended(self, key: _Key, running: _Running) -> None:
        if self._running.get(key) is running:
            del self._running[key]
        self._calls += running.link.counts.calls
        if running.pipe.asked:
            return
        self._restarts += 1
        _log.warning("%s ended a session by itself: %s", self._row.name, running.pipe.over)
        if not running.pipe.spoke or not isinstance(self._behind.at, Path):
            self._lost(running.pipe.over)

    def _lost(self, why: str) -> None:
        """It may not be there any more: callers are sent elsewhere until it has spoken again."""
        self._say(State.ERROR, why)
        self._look.set()

    def _say(self, state: State, reason: str) -> None:
        if state is not self._state:
            self._since = datetime.now(UTC)
            _log.info("%s is %s: %s", self._row.name, state.value, reason)
        self._state, self._reason = state, reason

    async def speak(self) -> None:
        """Shake hands with it in both eras, on connections that are for this alone. Raises `Unavailable` and `Refused`."""
        found: dict[Era, Opened] = {}
        why: ArcOpsError | None = None
        for era in (Era.LEGACY, Era.MODERN):
            if era in found:
                continue
            try:
                opened = await self._handshake(era)
            except ArcOpsError as error:
                why = why or error
                continue
            found[opened.era] = opened
        if not found:
            assert why is not None  # noqa: S101  # each era gave one or the other
            raise why
        self._spoken = found
        self._say(State.RUNNING, f"it speaks MCP {', '.join(one.version for one in found.values())}")

    async def _handshake(self, era: Era) -> Opened:
        running = await self._joined(private=True)
        try:
            return await running.link.open(era)
        finally:
            running.pipe.end("the handshake is over")

    async def watching(self) -> None:
        """For ever: speak with it until it speaks MCP, and again after it was lost; one at an address also now and then."""
        rest = LOOK_SECONDS
        while True:
            self._look.clear()
            try:
                await self.speak()
                rest = LOOK_SECONDS
            except ArcOpsError as error:
                self._say(State.ERROR, str(error))
                await asyncio.sleep(rest)
                rest = min(_LONGEST_SECONDS, rest * 2)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(None if isinstance(self._behind.at, Path) else _AGAIN_SECONDS):
                    await self._look.wait()

    async def _reaping(self) -> None:
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            now = time.monotonic()
            for running in list(self._running.values()):
                idle = now - running.link.used
                if not running.link.busy and not running.link.sessions and idle >= self._behind.idle_seconds:
                    running.pipe.end(f"no one used it for {idle:.0f} seconds")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve meanwhile; at the end every connection is ended."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self.watching()), loop.create_task(self._reaping())]
        try:
            yield
        finally:
            self._closing = True
            for task in (*tasks, *self._starting.values()):
                task.cancel()
            pipes = [one.pipe for one in self._running.values()]
            for pipe in pipes:
                pipe.end("this replica ends")
            if pipes:
                await asyncio.wait([loop.create_task(one.left()) for one in pipes], timeout=_END_SECONDS)
