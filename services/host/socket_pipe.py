"""A server behind a Unix socket as a `Pipe`: messages are lines, as over its standard input and output.

Behind the socket each connection has a process of its own (`deployments/shim`), so one that ends is a server that ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import cast

from foundation.egress.local_socket import joined
from services.host.line_pipe import MOST_UNREAD, LinePipe

_END_SECONDS = 10.0
"""How long its end may take once its input is closed: the shim tells it to end, and then kills it."""


class SocketPipe(LinePipe, asyncio.Protocol):
    """One connection, made by `socket_pipe`. As `services.host.pipe.HostedPipe`; its process is another container's."""

    pid = None
    code = None

    def __init__(self) -> None:
        super().__init__()
        self.errors: deque[str] = deque(maxlen=1)
        self._left = asyncio.Event()
        self._ending: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    async def left(self) -> None:
        """As `HostedPipe.left`."""
        await self._left.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._input = self._output = cast(asyncio.Transport, transport)  # uvloop's is no instance of it
        self._transport.set_write_buffer_limits(high=MOST_UNREAD)
        self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

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
        self._data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._left.set()
        self._is_over(self.asked or "the server's process ended")


async def socket_pipe(path: Path) -> SocketPipe:
    """A new connection to the socket at *path*, and so a new process behind it. Raises `Unavailable`."""
    _, made = await joined(path, SocketPipe)
    return made
