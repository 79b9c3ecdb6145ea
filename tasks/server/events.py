"""Reads a stream of server-sent events as it comes (WHATWG HTML, section 9.2.6), and refuses an event over the bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

from foundation.egress.destination import NotPlain, read_destination

MOST_EVENT = 64 * 1024 * 1024
"""Bytes of one event, if nothing else is said: those of the longest message that the relay passes on."""
_BOM = b"\xef\xbb\xbf"
_MOST_FIELD = 4096
_DIGITS = re.compile(rb"[0-9]{1,7}")


class TooLong(Exception):
    """An event has more bytes than the bound; nothing after it can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event with data. ``kind`` is ``message`` unless it says otherwise."""

    kind: str
    data: bytes


class Events:
    """The events of one stream. ``last`` is the last event's id, ``retry`` how many seconds to wait before asking again."""

    def __init__(self, limit: int = MOST_EVENT) -> None:
        self.limit = limit
        self.last = ""
        self.retry: float | None = None
        self._line: list[bytes] = []
        self._size = 0
        self._begun = self._cut = False
        self._data: list[bytes] = []
        self._kept = 0
        self._kind = "message"

    def feed(self, data: bytes) -> list[Event]:
        """Read more bytes: the events that ended in them. Raises `TooLong`."""
        if self._cut and data[:1] == b"\n":
            data = data[1:]  # the other half of a line end
        self._cut = data[-1:] == b"\r" or (self._cut and not data)
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *lines = data.split(b"\n")
        self._line.append(first)
        self._size += len(first)
        if self._size > self.limit + _MOST_FIELD:
            raise TooLong
        if not lines:
            return []
        *lines, rest = (b"".join(self._line), *lines)
        self._line, self._size = [rest], len(rest)
        return [event for line in lines if (event := self._read(line)) is not None]

    def _read(self, line: bytes) -> Event | None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        if not line:
            return self._ended()
        name, colon, value = line.partition(b":")
        value = value.removeprefix(b" ") if colon else b""
        if name == b"data":
            self._data.append(value)
            self._kept += len(value) + 1
            if self._kept > self.limit + 1:
                raise TooLong
        elif name == b"event":
            self._kind = value[:_MOST_FIELD].decode("utf-8", "replace") or "message"
        elif name == b"id" and b"\0" not in value and len(value) <= _MOST_FIELD:
            self.last = value.decode("utf-8", "replace")
        elif name == b"retry" and _DIGITS.fullmatch(value):
            self.retry = int(value) / 1000
        return None

    def _ended(self) -> Event | None:
        data, kind = self._data, self._kind
        self._data, self._kept, self._kind = [], 0, "message"
        whole = b"\n".join(data)
        return Event(kind=kind, data=whole) if whole else None


def endpoint(url: str, data: bytes) -> str:
    """The address for messages that the server at *url* names in its first event (MCP 2024-11-05, HTTP with SSE); empty if it
    is on another host: what we send would go to someone else.
    """
    try:
        found = urljoin(url, data.decode("utf-8", "replace").strip())
        return found if read_destination(found) == read_destination(url) else ""
    except (NotPlain, ValueError):
        return ""
