"""A server behind a Unix socket as a `Pipe`: messages are lines, as over its standard input and output.

Behind the socket each connection has a process of its own (`deployments/shim`), so one that ends is a server that ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

from arcops.errors import Unavailable
from foundation.egress.local_socket import joined
from services.host.framing import Lines
from services.host.pipe import Lost, passed_on

STALL_SECONDS = 30.0
"""How long a server may leave its input unread before a message to it fails."""
_END_SECONDS = 10.0
"""How long its end may take once its input is closed: the shim tells it to end, and then kills it."""
_MOST_UNREAD = 1 << 20


class SocketPipe(asyncio.Protocol):
    """One connection, made by `socket_pipe`. As `services.host.pipe.HostedPipe`; its process is another container's."""

    def __init__(self) -> None:
        self.over = ""
        self.asked = ""
        self.spoke = False
        self.errors: deque[str] = deque(maxlen=1)
        self.look: Callable[[bytes], bool] = passed_on
        self._heard: Callable[[bytes], None] = _nothing
        self._lost: Callable[[Lost], None] = _nothing
        self._told: Callable[[str], None] = _nothing
        self._gone: Callable[[], object] = bool
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._waiting: list[bytes] = []
        self._room = asyncio.Event()
        self._room.set()
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()
        self._ending: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    pid = None
    code = None

    async def left(self) -> None:
        """As `HostedPipe.left`."""
        await self._left.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no instance of it
        self._transport.set_write_buffer_limits(high=_MOST_UNREAD)
        self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    async def write(self, message: bytes) -> None:
        """As `Pipe.write`."""
        if self._room.is_set() and not self._turn.locked():
            self._put(message)
            return
        try:
            async with asyncio.timeout(STALL_SECONDS), self._turn:
                await self._room.wait()
                self._put(message)
        except TimeoutError:
            raise Unavailable(f"the server has not read what it was sent for {STALL_SECONDS:.0f} seconds") from None

    def _put(self, message: bytes) -> None:
        if self.over or self.asked or self._transport is None:
            raise Unavailable(self.over or self.asked or "the server is not connected")
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write the messages of one turn of the loop at once: a system call costs more than a small message."""
        if self._waiting and self._transport is not None and not self.over:
            self._transport.write(b"\n".join((*self._waiting, b"")))
        self._waiting.clear()

    def hear(self, heard: Callable[[bytes], None], lost: Callable[[Lost], None], ended: Callable[[str], None]) -> None:
        """As `Pipe.hear`."""
        self._heard, self._lost, self._told = heard, lost, ended
        if self.over:
            ended(self.over)
        elif self._transport is not None:
            self._transport.resume_reading()

    def when_over(self, gone: Callable[[], None]) -> None:
        """As `HostedPipe.when_over`."""
        self._gone = gone
        if self.over:
            gone()

    def pause(self) -> None:
        """As `Pipe.pause`."""
        if self._transport is not None and not self._transport.is_closing() and self._transport.is_reading():
            self._transport.pause_reading()

    def resume(self) -> None:
        """As `Pipe.resume`."""
        if self._transport is not None and not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    def end(self, why: str) -> None:
        """Close its input; what it still writes is read, and the connection is cut if it does not end then."""
        if self.asked or self.over or self._transport is None:
            return
        self._flush()
        self.asked = why
        self.resume()  # what it still writes must not hold it up
        self._transport.write_eof()
        self._ending = self._loop.call_later(_END_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if isinstance(line, Lost):
                self._lost(line)
                continue
            self.spoke = True
            if not self.asked and self.look(line):
                self._heard(line)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._room.set()
        self._left.set()
        self.over = self.asked or "the server's process ended"
        self._told(self.over)
        self._gone()


async def socket_pipe(path: Path) -> SocketPipe:
    """A new connection to the socket at *path*, and so a new process behind it. Raises `Unavailable`."""
    _, made = await joined(path, SocketPipe)
    return made


def _nothing(_: object) -> None:
    """No one hears yet."""
