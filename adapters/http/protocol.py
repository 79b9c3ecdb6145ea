"""uvicorn's HTTP with our checks before it: unambiguous framing, requests that arrive in time, and limits of connections.

A subclass, because uvicorn takes one (``http=``) and has no other place that sees the bytes before h11 reads them.

A *silent* connection has sent no whole request for some seconds, and is closed. So is one that reads nothing of its answer. An
*idle* one, between requests or with an open answer, is kept. If there are too many, one makes room
(`adapters.http.connections`).
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from adapters.http.connections import MOST_CONNECTIONS, MOST_SENDING, MOST_UNREAD, Connections
from adapters.http.framing import Ambiguous, Framing
from adapters.http.unread import UNREAD_SECONDS, Unread

SILENT_SECONDS = 10.0
"""How long a request's line and headers may take to arrive, and how long its body may pause."""


def protocol(
    *,
    most_per_address: int | None = None,
    silent_seconds: float = SILENT_SECONDS,
    unread_seconds: float = UNREAD_SECONDS,
    most: int = MOST_CONNECTIONS,
    most_sending: int = MOST_SENDING,
    most_unread: int = MOST_UNREAD,
) -> type[asyncio.Protocol]:
    """The protocol for uvicorn. *most_per_address* is the most connections of one address (``None`` is no limit), *most* that
    of all addresses together, *most_sending* the most whose body is on the way, *most_unread* the most that read nothing.
    """
    all_of_them = Connections(most_each=most_per_address, most=most, most_sending=most_sending, most_unread=most_unread)

    class Strict(H11Protocol):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            self.access_log = False  # uvicorn's lines hold queries; `Watched` writes our lines
            self._framing = Framing()
            self._hurry: asyncio.TimerHandle | None = None
            self._unread = Unread(self, all_of_them, unread_seconds)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            if all_of_them.comes(self, self.client[0] if self.client else ""):
                self._in_time()
            else:
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._gone()
            super().connection_lost(exc)

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            self._gone()  # from here on the connection belongs to another protocol
            super().handle_websocket_upgrade(event)

        def _gone(self) -> None:
            self._forget_hurry()
            self._unread.ends()
            all_of_them.gone(self)

        def data_received(self, data: bytes) -> None:
            whole = self._framing.ended
            try:
                self._framing.feed(data)
            except Ambiguous as error:
                self._refuse(str(error))
                return
            if self._framing.in_a_body:
                self._forget_hurry()  # each part of a body has its own time
                self._in_time()
            elif not self._framing.in_a_head:
                self._forget_hurry()
            elif self._hurry is None:
                self._in_time()
            if self._framing.ended > whole:
                all_of_them.works(self)
            all_of_them.sends(self, whole=not self._framing.in_a_body)
            super().data_received(data)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread.begins(self.loop, self.transport)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._unread.ends()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle.response_complete and not self.transport.is_closing():
                all_of_them.waits(self)

        def _in_time(self) -> None:
            self._hurry = self.loop.call_later(silent_seconds, self._too_slow)

        def _forget_hurry(self) -> None:
            if self._hurry is not None:
                self._hurry.cancel()
                self._hurry = None

        def _too_slow(self) -> None:
            self._hurry = None
            if not self.transport.is_closing():
                self.transport.close()

        def make_room(self) -> None:
            self.transport.abort()

        def _refuse(self, why: str) -> None:
            """Answer 400 if no answer has begun, and close: the bytes after these cannot be assigned to a request."""
            self._forget_hurry()
            busy = self.cycle is not None and not self.cycle.response_complete
            if busy:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
                self.send_400_response(f"This request is refused: {why}.\n")
            else:
                self.transport.abort()

    return Strict
