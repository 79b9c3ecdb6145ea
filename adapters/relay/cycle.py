"""One request and its answer on a connection, for uvicorn: the head of an answer goes out together with its first part.

uvicorn writes both apart, and each is a call of the system, which is the dearest part of a small answer.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class Cycle(RequestResponseCycle):
    """As uvicorn's own, except how it writes."""

    _held = b""
    _left = 0
    _chunked = False

    async def send(self, message: Any) -> None:
        """Take one message of the application. Waits while the client does not read."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self.response_started:
                raise RuntimeError("the answer has begun already")
            self._begin(message)
            return
        if not self.response_started or self.response_complete:
            raise RuntimeError("a part of an answer that has not begun, or has ended")
        self._part(message.get("body", b""), message.get("more_body", False))

    def _begin(self, message: Any) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        status, headers = message["status"], message.get("headers", ())
        length: bytes | None = None
        closes = False
        parts = [STATUS_LINE[status]]
        for name, value in headers:
            if name == b"content-length":
                length = value
            elif name == b"connection" and b"close" in value.lower():
                closes = True
            parts += (name, b": ", value, b"\r\n")
        lines = len(headers) + 1
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            parts.append(b"connection: close\r\n")
            lines += 1
        if length is not None:
            self._left = int(length)
        elif self.scope["method"] != "HEAD" and status not in (204, 304):
            self._chunked = True
            parts.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        held = b"".join(parts)
        if held.count(b"\n") != lines or held.count(b"\r") != lines or b"\0" in held:
            raise RuntimeError("a header of an answer has a line end")
        self._held = held + b"\r\n"

    def _part(self, body: bytes, more: bool) -> None:
        held, self._held = self._held, b""
        if self.scope["method"] == "HEAD":
            body, self._left = b"", 0
        elif self._chunked:
            end = b"" if more else b"0\r\n\r\n"
            body = b"".join((b"%x\r\n" % len(body), body, b"\r\n", end)) if body else end
        else:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the body has another length than was said")
        if held or body:
            self.transport.write(held + body if held else body)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
