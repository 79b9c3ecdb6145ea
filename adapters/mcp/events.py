"""What was sent in sessions of 2025-11-25, kept for a while, so that a client whose stream broke gets what it missed.

The SDK uses one store for all sessions and names streams by request ids, which every client counts from one. So each session
gets its own store here; otherwise a guessed id would show another session's answers. They share one budget of memory.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthorizationContext
from mcp.server.streamable_http import (
    EventCallback,
    EventId,
    EventMessage,
    EventStore,
    StreamableHTTPServerTransport,
    StreamId,
)
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import INTERNAL_ERROR, JSONRPCMessage
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from adapters.http.quotas import RETRY_SECONDS

MOST_BYTES = 64 * 1024 * 1024
_LEAST_SIZE = 200


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

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._last += 1
        size = _LEAST_SIZE + (len(message.model_dump_json()) if message is not None else 0)
        self._budget.keep(self._number, self._last, _Event(stream=stream_id, message=message, size=size))
        return str(self._last)

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 20):
            return None
        seen = self._budget.event(self._number, int(last_event_id))
        if seen is None:
            return None
        for number in range(int(last_event_id) + 1, self._last + 1):
            event = self._budget.event(self._number, number)
            if event is not None and event.stream == seen.stream and event.message is not None:
                await send_callback(EventMessage(event.message, str(number)))
        return seen.stream


class _TooMany(Exception):
    """This caller has reached the limit of sessions."""


class EventSessions(StreamableHTTPSessionManager):
    """The SDK's manager of sessions, with separate events for each: it reads ``event_store`` once for each session it opens.

    One caller has at most *most_each* sessions; the next is answered 429.
    """

    def __init__(self, *words: Any, most_each: int, **more: Any) -> None:
        self._budget = Budget()
        self._most_each = most_each
        super().__init__(*words, **more)

    def _admit_session(self, requestor: AuthorizationContext | None) -> StreamableHTTPServerTransport | None:
        held = sum(1 for one in self._server_instances if self._session_owners.get(one) == requestor)
        if held >= self._most_each:
            raise _TooMany
        return super()._admit_session(requestor)

    async def _handle_stateful_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super()._handle_stateful_request(scope, receive, send)
        except _TooMany:  # raised before anything was answered
            said = f"you have {self._most_each} sessions open, which is the limit; end one, or wait for half an hour"
            error = {"jsonrpc": "2.0", "id": None, "error": {"code": INTERNAL_ERROR, "message": said}}
            await JSONResponse(error, status_code=429, headers={"Retry-After": str(RETRY_SECONDS)})(scope, receive, send)

    @property
    def event_store(self) -> EventStore | None:
        return self._budget.session()

    @event_store.setter
    def event_store(self, store: EventStore | None) -> None:
        """Does nothing: the SDK sets the store that it was given, and it is given no store."""
