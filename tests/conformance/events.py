"""What was sent on the streams of the fixture, for clients of 2025-11-25 that come back after a break."""

from __future__ import annotations

from collections import deque

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage

_MOST = 10_000


class Kept(EventStore):
    """The newest events, in the order in which they were sent."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, StreamId, JSONRPCMessage | None]] = deque(maxlen=_MOST)
        self._last = 0

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._last += 1
        self._events.append((self._last, stream_id, message))
        return str(self._last)

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        known = {str(number): (number, stream) for number, stream, _ in self._events}
        if last_event_id not in known:
            return None
        seen, stream = known[last_event_id]
        for number, its, message in list(self._events):
            if its == stream and number > seen and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
