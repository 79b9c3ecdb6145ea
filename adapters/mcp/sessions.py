"""The sessions of 2025-11-25 and before: the SDK's, with events of their own, with limits, and with a life in the database.

Revision 2025-11-25, "Streamable HTTP", "Session Management". The SDK keeps a session in the process that opened it. What makes
a session is little: its id, whose it is, and what the client said when it began. With that, another instance begins it again
as if the client had just said so, and the client notices nothing. What was sent before is not carried over (see `events`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import anyio
from anyio.abc import TaskStatus
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, AuthorizationContext, authorization_context
from mcp.server.runner import serve_loop
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, EventStore, StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, JSONRPCNotification, JSONRPCRequest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from adapters.http.quotas import RETRY_SECONDS
from adapters.mcp.events import Budget
from adapters.mcp.kept_sessions import KeptSessions
from arcops.errors import ArcOpsError

_SESSION = MCP_SESSION_ID_HEADER.encode("ascii")
_AGAIN = "arcops-again"
"""The id of the request that begins a session again; no client waits for its answer."""
_MOST_ID = 200
_log = logging.getLogger(__name__)


class _TooMany(Exception):
    """This caller has reached the limit of sessions."""


class EventSessions(StreamableHTTPSessionManager):
    """The SDK's manager of sessions, with separate events for each: it reads ``event_store`` once for each session it opens.

    One caller has at most *most_each* sessions; the next is answered 429. With *kept*, a session counts at every instance.
    """

    def __init__(self, *words: Any, most_each: int, kept: KeptSessions | None = None, **more: Any) -> None:
        self._budget = Budget()
        self._most_each = most_each
        self._kept = kept
        self._beginning: dict[str, anyio.Event] = {}
        super().__init__(*words, **more)

    def _admit_session(self, requestor: AuthorizationContext | None) -> StreamableHTTPServerTransport | None:
        held = sum(1 for one in self._server_instances if self._session_owners.get(one) == requestor)
        if held >= self._most_each:
            raise _TooMany
        return super()._admit_session(requestor)

    async def _handle_stateful_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self._kept is not None and (id_ := _id(scope)) is not None:
                await self._go_on(id_, _requestor(scope), self._kept)
                if scope["method"] == "DELETE" and self._is_of(id_, _requestor(scope)):
                    await self._kept.end(id_, _owner(_requestor(scope)))  # first, so that it is not begun again
            await super()._handle_stateful_request(scope, receive, send)
        except _TooMany:  # raised before anything was answered
            said = f"you have {self._most_each} sessions open, which is the limit; end one, or wait for half an hour"
            await _answer(429, said)(scope, receive, send)
        except ArcOpsError as error:
            await _answer(503, str(error))(scope, receive, send)

    async def _serve_opening_request(
        self, http_transport: StreamableHTTPServerTransport, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kept, id_ = self._kept, http_transport.mcp_session_id
        if kept is None or id_ is None:
            await super()._serve_opening_request(http_transport, scope, receive, send)
            return
        body = await Request(scope, receive).body()  # the guard before has read it, and bounds its size

        given = False

        async def again() -> Message:
            nonlocal given
            if not given:  # an empty body is given, too
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        opening = _opening(body)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400 and opening is not None:
                await kept.begin(id_, _owner(_requestor(scope)), opening)  # before the client can use it anywhere
            await send(message)

        await super()._serve_opening_request(http_transport, scope, again, told)

    async def _go_on(self, id_: str, requestor: AuthorizationContext | None, kept: KeptSessions) -> None:
        """Begin the session *id_* here again, if it is the caller's and another instance began it; end it if one ended it."""
        if (beginning := self._beginning.get(id_)) is not None:
            await beginning.wait()
        if id_ in self._server_instances:
            if self._is_of(id_, requestor) and await kept.ended_elsewhere(id_, _owner(requestor)):
                await self._discard_session(id_, self._server_instances[id_])
            return
        opening = await kept.found(id_, _owner(requestor))
        group: Any = self._task_group
        if opening is None or group is None:
            return
        if (beginning := self._beginning.get(id_)) is not None:  # another request was faster
            await beginning.wait()
        if self._server_instances.get(id_) is not None:
            return
        transport = self._admit_session(requestor)
        if transport is None:
            raise _TooMany
        self._rename(transport, id_, requestor)
        self._beginning[id_] = anyio.Event()
        try:
            await group.start(self._serve_again, transport, opening)
        except BaseException:
            await self._discard_session(id_, transport)
            raise
        finally:
            self._beginning.pop(id_).set()

    def _rename(self, transport: StreamableHTTPServerTransport, id_: str, requestor: AuthorizationContext | None) -> None:
        """Give the session that was just admitted the id that its client knows."""
        assert transport.mcp_session_id is not None, "it was admitted"  # noqa: S101
        del self._server_instances[transport.mcp_session_id]
        self._session_owners.pop(transport.mcp_session_id, None)
        transport.mcp_session_id = id_
        self._server_instances[id_] = transport
        if requestor is not None:
            self._session_owners[id_] = requestor

    async def _serve_again(
        self,
        transport: StreamableHTTPServerTransport,
        opening: Mapping[str, Any],
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve a session until it ends, as the SDK serves one that it opened, from the words that it was opened with."""
        id_ = transport.mcp_session_id
        assert id_ is not None, "it has a name"  # noqa: S101
        async with transport.connect() as (read, write):
            scope = transport.idle_scope or anyio.CancelScope()
            try:
                with scope:
                    async with anyio.create_task_group() as group:
                        group.start_soon(self._begun_again, transport, opening, task_status)
                        await serve_loop(self.app, read, write, lifespan_state=self._lifespan_state, session_id=id_)
                        group.cancel_scope.cancel()
            except Exception:
                _log.exception("a session that was begun again ended")  # and no other session with it
            finally:
                await self._discard_session(id_, transport)

    @staticmethod
    async def _begun_again(
        transport: StreamableHTTPServerTransport, opening: Mapping[str, Any], task_status: TaskStatus[None]
    ) -> None:
        writer = transport._read_stream_writer
        assert writer is not None, "it is connected"  # noqa: S101
        hello = JSONRPCRequest(jsonrpc="2.0", id=_AGAIN, method="initialize", params=dict(opening))
        await writer.send(SessionMessage(hello))
        await writer.send(SessionMessage(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized")))
        task_status.started()

    async def _discard_session(self, session_id: str, transport: StreamableHTTPServerTransport) -> None:
        if self._kept is not None:
            self._kept.forget(session_id)
        await super()._discard_session(session_id, transport)

    def _is_of(self, id_: str, requestor: AuthorizationContext | None) -> bool:
        return id_ in self._server_instances and self._session_owners.get(id_) == requestor

    @property
    def event_store(self) -> EventStore | None:
        return self._budget.session()

    @event_store.setter
    def event_store(self, store: EventStore | None) -> None:
        """Does nothing: the SDK sets the store that it was given, and it is given no store."""


def _id(scope: Scope) -> str | None:
    """The session that a request names, if it has a form that an id can have."""
    found = next((value for name, value in scope["headers"] if name == _SESSION), b"").decode("latin-1")
    return found if 0 < len(found) <= _MOST_ID and found.isascii() and found.isprintable() and " " not in found else None


def _requestor(scope: Scope) -> AuthorizationContext | None:
    user = scope.get("user")
    return authorization_context(user) if isinstance(user, AuthenticatedUser) else None


def _owner(requestor: AuthorizationContext | None) -> str:
    """Who a session belongs to, at every instance; empty for the user of this machine."""
    return requestor["client_id"] if requestor is not None else ""


def _opening(body: bytes) -> Mapping[str, Any] | None:
    """The parameters of the request in *body* that begins a session; ``None`` if it is no such request."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    params = message.get("params") if isinstance(message, dict) and message.get("method") == "initialize" else None
    return params if isinstance(params, dict) else None


def _answer(status: int, said: str) -> JSONResponse:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": INTERNAL_ERROR, "message": said[:1000]}}
    return JSONResponse(error, status_code=status, headers={"Retry-After": str(RETRY_SECONDS)})
