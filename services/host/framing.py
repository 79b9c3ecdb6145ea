"""Finds whole lines in what a server writes, and keeps no line that is longer than the bound.

Over stdio each message is one line (MCP, transports). Of a line that is too long only its two ends are kept, to find its id:
most servers write the id before the result, some after it.
"""

from __future__ import annotations

import re

from services.host.pipe import Lost

MOST_MESSAGE = 64 * 1024 * 1024
"""Bytes of one message of a server."""
_END = 4096
_ID = rb'"id"[ \t]*:[ \t]*(-?[0-9]{1,18}|"(?:[^"\\\x00-\x1f]|\\.){0,200}")'
_AT_HEAD = re.compile(
    rb'\A[ \t]*\{(?:[ \t]*"(?:jsonrpc|method)"[ \t]*:[ \t]*"(?:[^"\\\x00-\x1f]|\\.)*"[ \t]*,)*[ \t]*' + _ID + rb"[ \t]*[,}]"
)
_AT_TAIL = re.compile(rb"[,{][ \t]*" + _ID + rb'(?:[ \t]*,[ \t]*"jsonrpc"[ \t]*:[ \t]*"2\.0")?[ \t]*\}[ \t]*\Z')
_ASKS = re.compile(rb'"method"[ \t]*:')


class Lines:
    """The lines of one server. It keeps at most one line, up to ``limit`` bytes."""

    def __init__(self, limit: int = MOST_MESSAGE) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""
        self._tail = b""
        self._over = False

    def feed(self, data: bytes) -> list[bytes | Lost]:
        """Read more bytes: the lines that ended in them, without their ends and without empty ones; and those that are lost."""
        if b"\n" not in data:
            self._keep(data)
            return []
        first, *more = data.split(b"\n")
        rest = more.pop()
        found: list[bytes | Lost] = []
        self._keep(first)
        line = self._ended()
        if line:
            found.append(line)
        for one in more:
            if len(one) > self.limit:
                self._keep(one)
                found.append(self._ended())
            elif one := one.strip():
                found.append(one)
        if rest:
            self._keep(rest)
        return found

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._over:
            self._tail = (self._tail + data)[-_END:]
        elif self._size > self.limit:
            whole = b"".join((*self._parts, data))
            self._head, self._tail = whole[:_END], whole[-_END:]
            self._parts.clear()
            self._over = True
        else:
            self._parts.append(data)

    def _ended(self) -> bytes | Lost:
        size, over = self._size, self._over
        self._size, self._over = 0, False
        if over:
            head, tail = self._head, self._tail.rstrip(b"\r")
            self._head = self._tail = b""
            return Lost(size=size, id=_id(head, tail), answer=_ASKS.search(head) is None and _ASKS.search(tail[-200:]) is None)
        parts = self._parts
        line = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        return line.strip()


def _id(head: bytes, tail: bytes) -> int | str | None:
    """The id at the beginning of a message, or else at its end; ``None`` if neither is sure."""
    match = _AT_HEAD.search(head) or _AT_TAIL.search(tail)
    if match is None:
        return None
    return match[1][1:-1].decode(errors="replace") if match[1][:1] == b'"' else int(match[1])
