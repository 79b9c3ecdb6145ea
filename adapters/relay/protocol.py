"""uvicorn's HTTP by httptools, with limits of connections before it, as `adapters.http.protocol` has them with h11.

httptools reads strictly what is ambiguous (two lengths, a length beside chunks, bare line feeds, spaces before a colon) and is
several times faster. What it does not do is done here: an end for a connection that sends no whole request for some seconds,
the most connections of all and of one address, and the size of a head.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.http.connections import MOST_CONNECTIONS, Connections
from adapters.http.framing import MOST_FIELDS, MOST_HEAD
from adapters.http.protocol import SILENT_SECONDS
from adapters.http.unread import UNREAD_SECONDS, Unread
from adapters.relay.cycle import Cycle


def protocol(
    *, most_per_address: int | None = None, silent_seconds: float = SILENT_SECONDS, most: int = MOST_CONNECTIONS
) -> type[asyncio.Protocol]:
    """The protocol for uvicorn. *most_per_address* is the most connections of one address (``None`` is no limit), *most* that
    of all addresses together; one that is silent or idle makes room.
    """
    all_of_them = Connections(most_each=most_per_address, most=most)

    class Quick(HttpToolsProtocol):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            self.access_log = False
            self._hurry: asyncio.TimerHandle | None = None
            self._unread = Unread(self, all_of_them, UNREAD_SECONDS)
            self._until = 0.0
            self._head = 0
            self._in_a_request = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            if all_of_them.comes(self, self.client[0] if self.client else ""):
                self._in_time()
            else:
                transport.abort()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread.begins(self.loop, self.transport)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._unread.ends()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unread.ends()
            all_of_them.gone(self)
            if self._hurry is not None:
                self._hurry.cancel()
                self._hurry = None
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._head += len(data)
            if self._in_a_request:
                self._until = self.loop.time() + silent_seconds  # each part of a body has its own time
            super().data_received(data)
            if self._head > MOST_HEAD and not self._in_a_request and not self.transport.is_closing():
                self._refuse("the head is too long")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._hurry is None:
                self._in_time()

        def on_headers_complete(self) -> None:
            if why := _wrong(self.headers):
                self._refuse(why)
                return
            self._in_a_request = True
            self._head = 0
            all_of_them.works(self)
            self._begin()

        def _begin(self) -> None:
            """Serve the request whose head is whole, after those that came before it on this connection."""
            parser, scope = self.parser, self.scope
            version = parser.get_http_version()
            scope["method"] = parser.get_method().decode("ascii")
            scope["http_version"] = version
            url = httptools.parse_url(self.url)
            path = (url.path or b"").decode("ascii")
            scope["path"] = unquote(path) if "%" in path else path
            scope["raw_path"] = url.path or b""
            scope["query_string"] = url.query or b""
            before = self.cycle
            self.cycle = Cycle(
                scope=scope,
                transport=self.transport,
                flow=self.flow,
                logger=self.logger,
                access_logger=self.access_logger,
                access_log=False,
                default_headers=[],
                message_event=asyncio.Event(),
                expect_100_continue=self.expect_100_continue,
                keep_alive=version != "1.0" and parser.should_keep_alive(),
                on_response=self.on_response_complete,
            )
            if before is None or before.response_complete:
                self._start_asgi_task(self.cycle, self.app)
            else:
                self.flow.pause_reading()
                self.pipeline.appendleft((self.cycle, self.app))

        def on_body(self, body: bytes) -> None:
            if self._in_a_request and self.cycle is not None:
                super().on_body(body)

        def on_message_complete(self) -> None:
            if not self._in_a_request:
                return
            self._in_a_request = False
            self._head = 0
            self._until = 0.0
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing() and not self.pipeline:
                all_of_them.waits(self)

        def _should_upgrade(self) -> bool:
            return False

        def _in_time(self) -> None:
            self._until = self.loop.time() + silent_seconds
            if self._hurry is None:
                self._hurry = self.loop.call_later(silent_seconds, self._late)

        def _late(self) -> None:
            """Close a connection that has begun nothing whole in time; look again later at one that has."""
            self._hurry = None
            if self._until == 0.0 or self.transport.is_closing():
                return
            left = self._until - self.loop.time()
            if left > 0:
                self._hurry = self.loop.call_later(left, self._late)
            else:
                self.transport.close()

        def make_room(self) -> None:
            self.transport.abort()

        def _refuse(self, why: str) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                self.transport.abort()
            elif not self.transport.is_closing():
                self.send_400_response(f"This request is refused: {why}.\n")

    return Quick


def _wrong(headers: list[tuple[bytes, bytes]]) -> str:
    """What httptools lets pass, or finds only after the application has begun; nothing if all is well."""
    size, hosts = 0, 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"transfer-encoding":
            if value.strip().lower() != b"chunked":
                return "the Transfer-Encoding is not exactly 'chunked'"
        elif name == b"host":
            hosts += 1
    if size > MOST_HEAD or len(headers) > MOST_FIELDS:
        return f"the head is longer than {MOST_HEAD} bytes or {MOST_FIELDS} lines"
    return "" if hosts == 1 else "there is not exactly one Host header"
