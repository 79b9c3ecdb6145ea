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
from pathlib import Path

from arcops.errors import ArcOpsError
from arcops.tier import Tier
from services.host.elsewhere import Address, pipe_to
from services.host.eras import Era
from services.host.handshake import Opened
from services.host.hosted import Row, State
from services.host.one_server import Key, OneServer, Running
from services.host.pipe import HostedPipe
from services.host.socket_pipe import socket_pipe

LOOK_SECONDS = 1.0
_LONGEST_SECONDS = 10.0
_REAP_SECONDS = 5.0
_AGAIN_SECONDS = 15.0
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


class Alone(OneServer):
    """As `services.host.hosted.Hosted`, of the server of *row* that is *behind* it."""

    def __init__(self, row: Row, behind: Behind) -> None:
        super().__init__(row, most=behind.most, unused="no one has spoken with it yet")
        self._behind = behind
        self._spoken: dict[Era, Opened] = {}
        self._look = asyncio.Event()

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

    def _key(self, session: str, era: Era) -> Key:
        return Key(era=era, session=session)

    async def _pipe(self) -> HostedPipe:
        return await self._behind.joined(self._row.call_seconds)

    def _lost(self, why: str) -> None:
        """It may not be there any more: callers are sent elsewhere until it has spoken again."""
        super()._lost(why)
        self._look.set()

    def _ended_itself(self, running: Running) -> None:
        _log.warning("%s ended a session by itself: %s", self._row.name, running.pipe.over)
        if not running.pipe.spoke or not isinstance(self._behind.at, Path):
            self._lost(running.pipe.over)

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
            await self._close(tasks, "this replica ends")
