"""A simple host of servers for the relay's tests and benches: children over pipes of this process, started on demand.

It stands for what installs, gates and keeps real servers, and knows no database and no leases.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from arcops.errors import Unavailable
from arcops.identity import Identity
from services.host.eras import Era
from services.host.framing import MOST_MESSAGE, Lines
from services.host.hosted import Row, Shown, State
from services.host.link import Link
from services.host.pipe import Lost

TRIVIAL = Path(__file__).with_name("trivial_server.py")
WRITE_SECONDS = 2.0


def trivial(*options: str) -> list[str]:
    """The command of the trivial server."""
    return [sys.executable, "-I", "-S", str(TRIVIAL), *options]


class ChildPipe(asyncio.SubprocessProtocol):
    """The pipe of one child, whose own output is its end of a `Pipe`."""

    def __init__(self, limit: int, write_seconds: float) -> None:
        self._lines = Lines(limit)
        self._write_seconds = write_seconds
        self._heard: Callable[[bytes], None] = lambda _: None
        self._lost: Callable[[Lost], None] = lambda _: None
        self._ended: Callable[[str], None] = lambda _: None
        self._room = asyncio.Event()
        self._room.set()
        self._why = ""
        self._waiting: list[bytes] = []
        self.over = False
        self.stderr: deque[str] = deque(maxlen=20)
        self.transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._stdout: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.SubprocessTransport, transport)  # uvloop's is no instance of it
        self._stdin = cast(asyncio.WriteTransport, self.transport.get_pipe_transport(0))
        self._stdout = cast(asyncio.ReadTransport, self.transport.get_pipe_transport(1))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.stderr.extend(data.decode(errors="replace").splitlines())
            return
        for one in self._lines.feed(data):
            if isinstance(one, bytes):
                self._heard(one)
            else:
                self._lost(one)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def process_exited(self) -> None:
        assert self.transport is not None
        self._finish(f"the server ended with {self.transport.get_returncode()}")
        self.transport.close()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1 and self.transport is not None and self.transport.get_returncode() is None:
            self.end("the server closed its output")

    def _finish(self, why: str) -> None:
        if not self.over:
            self.over = True
            self._room.set()
            self._ended(self._why or why)

    async def write(self, message: bytes) -> None:
        if not self._room.is_set():
            try:
                async with asyncio.timeout(self._write_seconds):
                    await self._room.wait()
            except TimeoutError:
                raise Unavailable("the server does not read its input") from None
        if self.over or self._stdin is None:
            raise Unavailable("the server ended")
        self._waiting.append(message)
        if len(self._waiting) == 1:  # those of one turn of the loop go together: a call of the system is dearer than the rest
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._waiting.append(b"")
        data = b"\n".join(self._waiting)
        self._waiting.clear()
        if not self.over and self._stdin is not None:
            self._stdin.write(data)

    def hear(self, heard: Callable[[bytes], None], lost: Callable[[Lost], None], ended: Callable[[str], None]) -> None:
        self._heard, self._lost, self._ended = heard, lost, ended

    def pause(self) -> None:
        if self._stdout is not None and not self.over:
            self._stdout.pause_reading()

    def resume(self) -> None:
        if self._stdout is not None and not self.over:
            self._stdout.resume_reading()

    def end(self, why: str) -> None:
        self._why = self._why or why
        if self.transport is not None and self.transport.get_returncode() is None:
            self.transport.kill()


@dataclass(slots=True, kw_only=True)
class Hosting:
    """Hosts ``commands`` by name. Children are apart by session, unless the name is in ``stateless``."""

    commands: dict[str, Sequence[str]]
    stateless: frozenset[str] = frozenset()
    limit: int = MOST_MESSAGE
    seconds: float = 600.0
    write_seconds: float = WRITE_SECONDS
    eras: frozenset[Era] = frozenset()
    bound: tuple[str, ...] = ()
    one_host: bool = False
    away: str = ""
    """The address of the other host that runs every server."""
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    links: dict[tuple[str, str, str, Era], tuple[Link, ChildPipe]] = field(default_factory=dict)
    pipes: list[ChildPipe] = field(default_factory=list)
    """Of every child that there ever was, also of one whose session ended."""
    started: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)
    refusing: Exception | None = None
    _starting: dict[tuple[str, str, str, Era], asyncio.Lock] = field(default_factory=dict)

    def row(self, name: str) -> Row | None:
        if name not in self.commands:
            return None
        stateless = name in self.stateless
        return Row(
            name=name,
            stateless=stateless,
            eras=self.eras,
            call_seconds=self.seconds,
            bound=self.bound,
            one_host=self.one_host,
        )

    async def elsewhere(self, name: str) -> str:
        return self.away

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        if self.refusing is not None:
            raise self.refusing
        shared = name in self.stateless
        key = (name, caller.tenant, "" if shared else session, era)
        async with self._starting.setdefault(key, asyncio.Lock()):
            found = self.links.get(key)
            if found is not None and not found[0].ended:
                return found[0]
            self.started += 1
            loop = asyncio.get_running_loop()
            _, pipe = await loop.subprocess_exec(
                lambda: ChildPipe(self.limit, self.write_seconds), *self.commands[name], env=self.environment
            )
            link = Link(pipe, name=name, private=not shared, seconds=self.seconds)
            self.links[key] = (link, pipe)
            self.pipes.append(pipe)
            return link

    def shown(self, name: str) -> Shown | None:
        if name not in self.commands:
            return None
        mine = [one for key, one in self.links.items() if key[0] == name]
        running = [pipe for link, pipe in mine if not link.ended]
        return Shown(
            state=State.RUNNING if running else State.ERROR if mine else State.STOPPED,
            reason=mine[-1][0].ended if mine and not running else "",
            since=datetime.now(UTC),
            pids=tuple(pipe.transport.get_pid() for pipe in running if pipe.transport is not None),
            calls=sum(link.counts.calls for link, _ in mine),
            stderr=tuple(mine[-1][1].stderr) if mine else (),
        )

    def gone(self, name: str, session: str) -> None:
        self.left = [*self.left[-99:], (name, session)]
        for key in [key for key in self.links if key[0] == name and key[2] == session]:
            _, pipe = self.links.pop(key)
            pipe.end("its session ended")
            self._starting.pop(key, None)

    def close(self) -> None:
        """End every child."""
        for link, pipe in self.links.values():
            if not link.ended:
                pipe.end("the test ends")
