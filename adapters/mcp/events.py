"""What was sent in sessions of 2025-11-25, kept for a while, so that a client whose stream broke gets what it missed.

The SDK uses one store for all sessions and names streams by request ids, which every client counts from one. So each session
gets its own store here; otherwise a guessed id would show another session's answers. They share one budget of memory.

An event's id says at which instance it was kept, and of which stream it is. A client that comes back with an event that is not
kept, or is kept elsewhere, is told so: its request gets an error, and its stream of notifications goes on from now.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import quote, unquote

from mcp.server.streamable_http import GET_STREAM_KEY, EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from adapters.mcp.names import KIND

MOST_BYTES = 64 * 1024 * 1024
_LEAST_SIZE = 200
_MOST_STREAM = 200
_ID = re.compile(r"([0-9a-f]{16})-([1-9][0-9]{0,18})-([!-~]{0,200})")
_LOST = (
    "the answer to this request is not kept at this instance: another one had it, which may be gone, or it is too long ago; "
    "send the request again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    stream: StreamId
    message: JSONRPCMessage | None
    size: int


class Budget:
    """The newest events of all sessions, at most *most* bytes of them (about)."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._held = 0
        self._events: OrderedDict[tuple[int, int], _Event] = OrderedDict()
        self._sessions = 0

    def session(self) -> EventStore:
        """A store for one more session."""
        self._sessions += 1
        return _Session(self, self._sessions)

    def keep(self, session: int, number: int, event: _Event) -> None:
        self._events[session, number] = event
        self._held += event.size
        while self._held > self._most:
            _, oldest = self._events.popitem(last=False)
            self._held -= oldest.size

    def event(self, session: int, number: int) -> _Event | None:
        """An event, if it is still kept."""
        return self._events.get((session, number))


class _Session(EventStore):
    def __init__(self, budget: Budget, number: int) -> None:
        self._budget = budget
        self._number = number
        self._last = 0
        self._here = secrets.token_hex(8)
        self._open: set[StreamId] = set()
        """Streams of requests that are not answered yet."""

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._last += 1
        size = _LEAST_SIZE + (len(message.model_dump_json()) if message is not None else 0)
        self._budget.keep(self._number, self._last, _Event(stream=stream_id, message=message, size=size))
        if _answers(message):
            self._open.discard(stream_id)
        elif stream_id != GET_STREAM_KEY:
            self._open.add(stream_id)
        return self._named(self._last, stream_id)

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        found = _ID.fullmatch(last_event_id)
        if found is None:
            return None
        here, number, stream = found[1] == self._here, int(found[2]), unquote(found[3])
        seen = self._event(number) if here else None
        if here and (number > self._last or (seen is not None and self._named(number, seen.stream) != found[0])):
            return None  # there was no such event
        if seen is not None:
            stream = seen.stream
        answered = seen is not None and _answers(seen.message)
        for later in range(number + 1, self._last + 1) if here else ():
            event = self._event(later)
            if event is not None and event.stream == stream and event.message is not None:
                answered = answered or _answers(event.message)
                await send_callback(EventMessage(event.message, self._named(later, stream)))
        if answered or not stream:
            return None
        if stream == GET_STREAM_KEY or (here and stream in self._open):
            return stream
        error = ErrorData(code=INTERNAL_ERROR, message=_LOST, data={KIND: "unavailable"})
        await send_callback(EventMessage(JSONRPCError(jsonrpc="2.0", id=_request(stream), error=error), None))
        return None

    def _event(self, number: int) -> _Event | None:
        return self._budget.event(self._number, number)

    def _named(self, number: int, stream: StreamId) -> EventId:
        """A client writes its request's id, so it is quoted: it must not end a line of the event. A long one is left out."""
        quoted = quote(stream, safe="")
        return f"{self._here}-{number}-{quoted if len(quoted) <= _MOST_STREAM else ''}"


def _answers(message: JSONRPCMessage | None) -> bool:
    """Does *message* end the stream of a request?"""
    return isinstance(message, JSONRPCResponse | JSONRPCError)


def _request(stream: StreamId) -> str | int:
    """The id of the request that the SDK keeps a *stream* for, as text; nearly all clients count requests."""
    return int(stream) if stream.isascii() and stream.isdigit() and len(stream) < 16 else stream
