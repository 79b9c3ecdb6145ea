"""HTTP/1.1 to one server over connections that stay open: a request is one write, and llhttp reads its answer.

For a controller, which asks thousands of small things: a general client spends more on its own objects around a request than
the request costs. There is no redirect, no retry, no cookie and no proxy here. The answer to a GET may be packed (gzip), as an
API server packs its lists; no more of it is unpacked than the answer may have. What stays open is never packed.
"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
import weakref
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from foundation.egress.answered import Answered

if TYPE_CHECKING:
    from ssl import SSLContext

_PART = 256 * 1024
_FRESH_SECONDS = 0.5
"""A connection that was used so lately is not asked whether it still stands."""
_STALE_SECONDS = 60.0
"""One that waited so long is not used: what is between may have forgotten it without a word, as balancers do."""
_MOST_HEAD = 64 * 1024
_PACKED = {"Accept-Encoding": "gzip"}
_LINE = re.compile(r"[ -~]+")


class Broken(OSError):
    """The other side sent no answer of HTTP/1.1, or not all of it."""


class Reply:
    """One answer, as far as it was read. ``done``: all of it was; ``again``: its connection may be used again. ``length`` is
    that of its body, which may not be over *most*; it may be *packed*.
    """

    __slots__ = (
        "_framed", "_head", "_may_be_packed", "_most", "_parser", "_unpacking", "again", "done", "length", "parts",
        "retry_after", "status",
    )  # fmt: skip

    def __init__(self, most: int = sys.maxsize, *, packed: bool = False) -> None:
        self.parts: list[bytes] = []
        self.length, self._most, self._may_be_packed = 0, most, packed
        self._unpacking: zlib._Decompress | None = None
        self.status, self.retry_after = 0, 0.0
        self.done = self.again = self._framed = False
        self._head = 0
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read on with *data*. Raises `Broken`."""
        if not data:
            # Without a length the end of the connection is the end of the answer.
            if not self.status or self._framed:
                raise Broken("the connection ended within an answer")
            self.done = True
            return
        if self.done:
            raise Broken("there is more than one answer")
        if not self.status:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if isinstance(error.__context__, Broken):
                raise error.__context__ from None
            raise Broken(f"what was answered is not HTTP/1.1: {error}") from error
        if not self.status and self._head > _MOST_HEAD:
            raise Broken(f"the head of an answer has more than {_MOST_HEAD} bytes")

    def leave(self) -> None:
        """Let go of the parser: the two hold each other, and the answer would stay until a garbage collection."""
        del self._parser

    def taken(self) -> list[bytes]:
        """The parts of the body that came since the last time."""
        found, self.parts = self.parts, []
        return found

    # -- what llhttp calls

    def on_message_begin(self) -> None:
        """Raises `Broken` for an answer to a question that was not asked."""
        if self.done:
            raise Broken("there is more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        known = name.lower()
        if known in (b"content-length", b"transfer-encoding"):
            self._framed = True
        elif known == b"retry-after":
            self.retry_after = float(value) if value.isdigit() else 0.0
        elif known == b"content-encoding" and value.lower() != b"identity":
            if value.lower() != b"gzip" or not self._may_be_packed or self._unpacking is not None:
                raise Broken("the answer is encoded in another way than was asked for")
            self._unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def on_headers_complete(self) -> None:
        """The head ended; one of 100 to 199 is followed by another."""
        status = self._parser.get_status_code()
        if status == 101:
            raise Broken("the answer changes to another protocol")
        self.status = status if status >= 200 else 0

    def on_body(self, data: bytes) -> None:
        """A part of the body. Raises `Broken` for more than it may have: of what is packed no more than that is unpacked."""
        if self._unpacking is not None:
            try:
                data = self._unpacking.decompress(data, self._most - self.length + 1)
            except zlib.error as error:
                raise Broken(f"what was answered cannot be unpacked: {error}") from error
            if self._unpacking.unused_data:
                raise Broken("there is something after what was packed")
        self.length += len(data)
        if self.length > self._most:
            raise Broken(f"the answer has more than {self._most:,} bytes")
        self.parts.append(data)

    def on_message_complete(self) -> None:
        """All is there. Raises `Broken` if the end of what was packed is not."""
        if self._unpacking is not None and not self._unpacking.eof:
            raise Broken("the end of what was packed is missing")
        if self.status:
            self.done, self.again = True, self._parser.should_keep_alive()


class _Connection:
    __slots__ = ("_poll", "opened", "used")

    def __init__(self, opened: socket.socket) -> None:
        self.opened = opened
        self.used = time.monotonic()
        self._poll = select.poll()
        self._poll.register(opened, select.POLLIN)

    def stands(self) -> bool:
        """Does it still stand? Nothing is to be read from one that waits for a question, not even its end."""
        waited = time.monotonic() - self.used
        return waited < _FRESH_SECONDS or (waited < _STALE_SECONDS and not self._poll.poll(0))

    def close(self) -> None:
        with suppress(OSError):
            self.opened.close()


class KeptOpen:
    """One server at *origin* (``https://HOST:PORT``, or ``http:``), whose certificate is for *name* (the host if empty)."""

    def __init__(self, origin: str, tls: SSLContext, *, name: str = "", most: int = 8) -> None:
        parts = urlsplit(origin)
        secure = parts.scheme.lower() == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._tls = tls if secure else None
        self._name = name or self._host
        self._field = parts.netloc.rpartition("@")[2]
        self._most = most
        self._free: deque[_Connection] = deque()
        self._ended = weakref.finalize(self, _closed, self._free)

    def ask(
        self, method: str, target: str, fields: dict[str, str], body: bytes | None, *, seconds: float, most: int
    ) -> Answered:
        """The answer, of at most *most* bytes, within *seconds* in all. Raises `OSError`; it may have been done then."""
        until = time.monotonic() + seconds
        connection = self._taken(seconds)
        try:
            packed = method == "GET"
            self._send(connection, method, target, {**fields, **_PACKED} if packed else fields, body)
            reply = Reply(most, packed=packed)
            while not reply.done:
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no answer within {seconds:g} seconds")
                connection.opened.settimeout(left)
                reply.feed(connection.opened.recv(_PART))
        except BaseException:
            connection.close()
            raise
        reply.leave()
        self._give_back(connection, reply)
        return Answered(status=reply.status, body=b"".join(reply.parts), retry_after=reply.retry_after)

    def opened(self, target: str, fields: dict[str, str], *, seconds: float, silent_seconds: float) -> Opened:
        """An answer to a GET that stays open: its head came within *seconds*, and its end is found after *silent_seconds*
        without a word. Raises `OSError`.
        """
        connection = self._taken(seconds)
        try:
            self._send(connection, "GET", target, fields, None)
            reply = Reply()
            while not reply.status:
                reply.feed(connection.opened.recv(_PART))
            connection.opened.settimeout(silent_seconds)
        except BaseException:
            connection.close()
            raise
        return Opened(connection, reply)

    def close(self) -> None:
        """Close the connections that wait."""
        self._ended()

    def _send(self, connection: _Connection, method: str, target: str, fields: dict[str, str], body: bytes | None) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._field}", *map(": ".join, fields.items())]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if " " in target or not all(map(_LINE.fullmatch, lines)):
            raise Broken("the head of a request has a letter that none has")
        head = "\r\n".join([*lines, "", ""]).encode("ascii")
        connection.opened.sendall(head + body if body else head)

    def _taken(self, seconds: float) -> _Connection:
        while self._free:
            try:
                found = self._free.pop()  # the one used last: others may be closed meanwhile by the server
            except IndexError:  # another thread was faster
                break
            if found.stands():
                found.opened.settimeout(seconds)
                return found
            found.close()
        return _Connection(self._connected(seconds))

    def _connected(self, seconds: float) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), timeout=seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise

    def _give_back(self, connection: _Connection, reply: Reply) -> None:
        if not reply.again or len(self._free) >= self._most:
            connection.close()
            return
        connection.used = time.monotonic()
        self._free.append(connection)
        if not self._ended.alive:  # it was closed meanwhile
            _closed(self._free)


def _closed(free: deque[_Connection]) -> None:
    while free:
        with suppress(IndexError):  # another thread was faster
            free.pop().close()


class Opened:
    """An answer that stays open. `close` may be called from another thread, and ends it."""

    def __init__(self, connection: _Connection, reply: Reply) -> None:
        self._connection, self._reply = connection, reply

    @property
    def status(self) -> int:
        """Of the answer."""
        return self._reply.status

    def __iter__(self) -> Iterator[bytes]:
        """The parts of its body. Raises `OSError` if it breaks."""
        try:
            while True:
                yield from self._reply.taken()
                if self._reply.done:
                    return
                self._reply.feed(self._connection.opened.recv(_PART))
        finally:
            self._connection.close()

    def close(self) -> None:
        """End it: a thread that reads from it comes to an end."""
        with suppress(OSError):
            socket.socket.shutdown(self._connection.opened, socket.SHUT_RDWR)  # not TLS's own, which forgets its state
