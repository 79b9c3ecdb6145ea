"""Finds the end of each HTTP/1.1 request in the bytes of a connection; refuses bytes that two readers could read differently.

RFC 9112 lets a server accept lines that end in a bare line feed, folded header lines, chunk extensions, a length beside chunks,
and a length that is given twice. h11 accepts some of these. A proxy in front may read them differently, and then one caller's
bytes become another caller's request. What passes here can be read in one way only, and h11 reads it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

MOST_HEAD = 64 * 1024
MOST_FIELDS = 128
_MOST_DIGITS = 15
_MOST_CHUNK_LINE = 16
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff]+(?:[ \t]+[\x21-\x7e\x80-\xff]+)*)?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,%d}" % _MOST_DIGITS)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,%d}" % _MOST_DIGITS)
_ONCE = frozenset(
    b"authorization content-length content-type cookie host mcp-session-id origin transfer-encoding".split(),
)
"""Headers that decide the caller, the target and the length. If one is given twice, two readers could use different values."""


class Ambiguous(Exception):
    """Bytes that two readers of HTTP could read differently; the sentence says which."""


class _At(Enum):
    HEAD = "head"
    BODY = "body"
    SIZE = "size"
    CHUNK = "chunk"
    AFTER = "after a chunk"
    LAST = "last"


class Framing:
    """The framing of one connection. It keeps at most a head; a body is counted and not kept. ``ended`` counts requests."""

    def __init__(self) -> None:
        self.ended = 0
        self._at = _At.HEAD
        self._held = bytearray()
        self._left = 0

    @property
    def in_a_head(self) -> bool:
        """Has a head begun that has not ended?"""
        return self._at is _At.HEAD and bool(self._held)

    @property
    def in_a_body(self) -> bool:
        """Has a body begun that has not ended?"""
        return self._at is not _At.HEAD

    def feed(self, data: bytes) -> None:
        """Read more bytes. Raises `Ambiguous`; after that the connection cannot be used."""
        at = 0
        while at < len(data):
            if self._at in (_At.BODY, _At.CHUNK):
                taken = min(self._left, len(data) - at)
                at, self._left = at + taken, self._left - taken
                if self._left == 0:
                    if self._at is _At.BODY:
                        self._next()
                    else:
                        self._at = _At.AFTER
            elif self._at is _At.HEAD:
                at = self._until(b"\r\n\r\n", data, at, MOST_HEAD, self._head)
            else:
                at = self._until(b"\r\n", data, at, _MOST_CHUNK_LINE + 2, self._line)

    def _until(self, end: bytes, data: bytes, at: int, most: int, whole: Callable[[bytes], None]) -> int:
        """Take from *data* up to *end*, call *whole* with it, and return the index to read on from."""
        before = len(self._held)
        self._held += data[at : at + most + len(end) - before]
        found = self._held.find(end, max(0, before - len(end) + 1))
        if found < 0:
            if len(self._held) >= most + len(end):
                raise Ambiguous(f"the head or a chunk's size is longer than {most} bytes")
            if self._at is _At.HEAD:
                _plain_so_far(bytes(self._held))
            return len(data)
        text = bytes(self._held[:found])
        self._held.clear()
        whole(text)
        return at + found + len(end) - before

    def _head(self, text: bytes) -> None:
        length = read_head(text)
        if length is None:
            self._at = _At.SIZE
        elif length > 0:
            self._at, self._left = _At.BODY, length
        else:
            self._next()

    def _next(self) -> None:
        self._at = _At.HEAD
        self.ended += 1

    def _line(self, text: bytes) -> None:
        """A line between chunks: the size of the next one, or the empty line after a chunk and after the last one."""
        if self._at is not _At.SIZE:
            if text:
                raise Ambiguous("a chunk is longer than its size says, or header lines follow the last one")
            if self._at is _At.LAST:
                self._next()
            else:
                self._at = _At.SIZE
            return
        if not _SIZE.fullmatch(text):
            raise Ambiguous("the size of a chunk is not a plain hexadecimal number; extensions are not supported here")
        self._left = int(text, 16)
        self._at = _At.CHUNK if self._left else _At.LAST


def read_head(text: bytes) -> int | None:
    """The length of the body after the head *text*, which has no last empty line: bytes, or ``None`` if it comes in chunks.

    Raises `Ambiguous` (RFC 9112, sections 2.2, 3, 5 and 6).
    """
    _plain_so_far(text)
    first, *lines = text.split(b"\r\n")
    request = _REQUEST.fullmatch(first)
    if request is None:
        raise Ambiguous("the request line is not METHOD SP target SP HTTP/1.1")
    if request[1].upper() == b"CONNECT":
        raise Ambiguous("this server is not a proxy and opens no tunnel")
    if len(lines) > MOST_FIELDS:
        raise Ambiguous(f"there are more than {MOST_FIELDS} header lines")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Ambiguous("a header line is folded, has a space before its colon, or has a character that is not allowed")
        name = field[1].lower()
        if name in fields and name in _ONCE:
            raise Ambiguous(f"the header {name.decode()} is there twice")
        fields[name] = field[2]
    if b"host" not in fields:
        raise Ambiguous("there is no Host header")
    return _length(fields, request[3])


def _length(fields: dict[bytes, bytes], version: bytes) -> int | None:
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise Ambiguous("there is a Content-Length beside a Transfer-Encoding")
        if coding.lower() != b"chunked" or version != b"1":
            raise Ambiguous("the Transfer-Encoding is not exactly 'chunked' in HTTP/1.1")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise Ambiguous("the Content-Length is not a plain decimal number")
    return int(length)


_BARE = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n|\x00")


def _plain_so_far(text: bytes) -> None:
    if _BARE.search(text):
        raise Ambiguous("a line ends in a bare carriage return or line feed, or there is a NUL")
