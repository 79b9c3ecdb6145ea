"""Whether the caller of one connection reads what is answered. One that reads nothing for a time is left."""

from __future__ import annotations

import asyncio

from adapters.http.connections import Connection, Connections

UNREAD_SECONDS = 30.0
"""How long an answer may wait for a caller who reads nothing of it."""


class Unread:
    """Of the connection *one*, which is counted in *among*; *seconds* is how often it is looked at."""

    def __init__(self, one: Connection, among: Connections, seconds: float) -> None:
        self._one, self._among, self._seconds = one, among, seconds
        self._look: asyncio.TimerHandle | None = None
        self._left = 0

    def begins(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        """More of an answer waits in *transport* than should (`asyncio.BaseProtocol.pause_writing`)."""
        if self._look is None:
            self._left = transport.get_write_buffer_size()
            self._look = loop.call_later(self._seconds, self._is_read, loop, transport)
            self._among.unread(self._one, is_so=True)

    def ends(self) -> None:
        """The caller read, or the connection has gone."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
            self._among.unread(self._one, is_so=False)

    def _is_read(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        before, self._left = self._left, transport.get_write_buffer_size()
        if self._left < before:
            self._look = loop.call_later(self._seconds, self._is_read, loop, transport)
        else:
            transport.abort()
