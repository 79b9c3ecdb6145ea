"""Clients of 2024-11-05: one stream of events for everything, and messages posted beside it (HTTP+SSE).

The stream is the session: if it ends, the session and its calls end.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from msgspec import UNSET
from starlette.types import Receive, Scope, Send

from adapters.relay.addresses import Addresses
from adapters.relay.answers import Headers, begin, empty, pump, refuse
from adapters.relay.failing import Failed, failure_of
from adapters.relay.legacy import Fields, Legacy, opening_of
from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from services.host import envelope
from services.host.envelope import Malformed, Message
from services.host.handshake import Opening
from services.host.hosted import Row
from services.host.sessions import Session
from services.host.streams import Stream

_log = logging.getLogger(__name__)
_FIRST_VERSION = "2024-11-05"
_MOST_CALLS = 256
"""Requests of one session that wait."""


@dataclass(slots=True, eq=False)
class _Posted:
    """One request, whose answer goes into the session's stream."""

    stream: Stream
    task: asyncio.Task[None] | None = None
    why: str = ""
    headers: Headers = ()

    def allowed(self) -> None:
        """Its stream is open already."""

    def tell(self, method: str, message: bytes) -> None:
        self.stream.put(message)

    def abort(self, why: str) -> None:
        if not self.why and self.task is not None:
            self.why = why
            self.task.cancel()


@dataclass(slots=True, kw_only=True)
class Sse:
    """Serves the sessions of ``legacy`` in this way too, at these ``addresses``."""

    legacy: Legacy
    addresses: Addresses
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, scope: Scope, receive: Receive, send: Send, row: Row, caller: Identity, fields: Fields) -> None:
        """The stream of a new session: first the address to post to, then all that the server says."""
        sessions = self.legacy.sessions
        try:
            session = sessions.begin(row.name, caller, Opening(version=_FIRST_VERSION))
        except Unavailable as error:
            await refuse(send, 429, str(error), code=envelope.UNAVAILABLE, headers=((b"retry-after", b"5"),))
            return
        session.version = _FIRST_VERSION
        session.standing = Stream("s", resumable=False)
        root = str(scope.get("root_path", "")).rstrip("/")
        first = f"event: endpoint\ndata: {root}{self.addresses.path(row.name, 'messages')}?session_id={session.id}\n\n".encode()
        loop = asyncio.get_running_loop()
        await begin(send)
        watching = loop.create_task(_until_left(receive))
        pumping = loop.create_task(pump(session.standing, send, 0, first))
        try:
            await asyncio.wait((watching, pumping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            pumping.cancel()
            sessions.end(session, "its client left")

    async def post(self, scope: Scope, receive: Receive, send: Send, row: Row, caller: Identity, message: Message) -> None:
        """A message of a client. It is taken, and its answer comes in the stream."""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("session_id", [])
        if len(given) != 1:
            await refuse(send, 400, "the session_id is missing, or is there twice; post to the address of the event `endpoint`")
            return
        session = self.legacy.sessions.find(given[0], row.name, caller)
        if session is None or session.standing.resumable:
            await refuse(send, 404, "this session is not known here; it may have ended, so open the stream again")
            return
        if not envelope.is_request(message):
            self.legacy.said(row, session, message)
            await empty(send, 202)
            return
        id = envelope.encoded(message.id)
        if id in session.requests or len(session.requests) >= _MOST_CALLS:
            said = "a request with this id waits already" if id in session.requests else f"{_MOST_CALLS} requests wait already"
            await refuse(send, 400 if id in session.requests else 429, f"{said} in this session", id=id)
            return
        posted = _Posted(session.standing)
        session.requests[id] = posted
        posted.task = asyncio.get_running_loop().create_task(self._answer(scope, row, caller, session, message, id, posted))
        self._tasks.add(posted.task)
        posted.task.add_done_callback(self._tasks.discard)
        await empty(send, 202)

    async def _answer(
        self, scope: Scope, row: Row, caller: Identity, session: Session, message: Message, id: bytes, posted: _Posted
    ) -> None:
        try:
            body = await self._answered(scope, row, caller, session, message, id, posted)
        except asyncio.CancelledError:
            body = envelope.error(id, envelope.CANCELLED, f"the call was cancelled: {posted.why or 'its session ended'}")
        except Exception as error:
            if not isinstance(error, (ArcOpsError, Failed, Malformed)):
                _log.exception("a request to a hosted server failed in this host")
            body = failure_of(error).body(id)
        finally:
            session.requests.pop(id, None)
        session.standing.put(body)

    async def _answered(
        self, scope: Scope, row: Row, caller: Identity, session: Session, message: Message, id: bytes, posted: _Posted
    ) -> bytes:
        if message.method == "initialize":
            session.opening = opening_of(message)
            return await self.legacy.opened(row, caller, session, id)
        if message.method == "ping":
            return envelope.result(id, b"{}")
        if message.method is UNSET:
            return b""
        return await self.legacy.asked(scope, row, caller, session, message, id, posted)

    def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._tasks):
            task.cancel()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
