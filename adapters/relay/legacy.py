"""Clients up to 2025-11-25 over streamable HTTP: a session, its requests, its stream (MCP 2025-11-25, transports)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from msgspec import UNSET, Raw
from starlette.types import Receive, Scope, Send

from adapters.relay.accepting import streams_first
from adapters.relay.answers import Headers, answer, begin, empty, pump, refuse
from adapters.relay.calling import Calling, asked
from adapters.relay.exchange import Exchange
from adapters.relay.in_scope import answer_in_scope
from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.audit.record import Outcome
from services.host import bridge, envelope
from services.host.envelope import Malformed, Message
from services.host.eras import LEGACY_VERSION, LEGACY_VERSIONS, Era, lower_version
from services.host.handshake import Opening
from services.host.hosted import Row
from services.host.link import Link
from services.host.sessions import Session, Sessions

SESSION = b"mcp-session-id"
VERSION = b"mcp-protocol-version"
LAST_EVENT = b"last-event-id"
_PRIMED_SINCE = "2025-11-25"
"""Earlier clients cannot read an event without data."""
_RESUMED = b"id: %b-%d\nretry: 1000\ndata: \n\n"

Fields = Mapping[bytes, bytes]


class Request(Protocol):
    """A request as `Legacy.asked` sees it."""

    headers: Headers

    def allowed(self) -> None:
        """It may be done."""

    def tell(self, method: str, message: bytes) -> None:
        """Put *message* into its stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """Serves ``sessions``."""

    calling: Calling
    sessions: Sessions

    async def post(
        self, scope: Scope, receive: Receive, send: Send, row: Row, caller: Identity, fields: Fields, message: Message
    ) -> None:
        """One message of a client."""
        if message.method == "initialize" and message.id is not UNSET:
            await self._initialize(receive, send, row, caller, message)
            return
        session = await self._session(send, row, caller, fields)
        if session is None:
            self._refused(scope, row, caller, message, "session")
            return
        if envelope.is_request(message):
            eager = streams_first(fields.get(b"accept", b""))
            await self.request(scope, receive, send, row, caller, session, message, eager=eager)
            return
        self.said(row, session, message)
        await empty(send, 202)

    async def get(self, receive: Receive, send: Send, row: Row, caller: Identity, fields: Fields) -> None:
        """The stream of a session: what belongs to no request, or the rest of a stream that broke."""
        session = await self._session(send, row, caller, fields)
        if session is None:
            return
        key, after = _last(fields.get(LAST_EVENT, b""))
        stream = session.streams.get(key) if key else None
        if key and stream is None and key != session.standing.key:
            await refuse(send, 404, "the stream of this event is not kept any more; send the request again")
            return
        stream = stream or session.standing
        if stream.attached and not key:
            await refuse(send, 409, "this stream of the session is open already; close that one first")
            return
        await begin(send, ((SESSION, session.id.encode()),))
        first = b": \n\n"
        if session.version >= _PRIMED_SINCE:
            first = _RESUMED % (stream.key.encode(), after) if key else first
        watching = asyncio.get_running_loop().create_task(_until_left(receive))
        pumping = asyncio.get_running_loop().create_task(pump(stream, send, after, first))
        try:
            await asyncio.wait((watching, pumping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            pumping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((pumping,))

    async def delete(self, send: Send, row: Row, caller: Identity, fields: Fields) -> None:
        """The client ends its session."""
        session = await self._session(send, row, caller, fields)
        if session is not None:
            self.sessions.end(session, "its client ended the session")
            await empty(send, 200)

    async def _session(self, send: Send, row: Row, caller: Identity, fields: Fields) -> Session | None:
        id = fields.get(SESSION)
        if id is None:
            await refuse(send, 400, "there is no Mcp-Session-Id; send initialize first")
            return None
        session = self.sessions.find(id.decode("latin-1"), row.name, caller)
        if session is None:
            await refuse(send, 404, "this session is not known here; it may have ended, so send initialize again")
        return session

    async def _initialize(self, receive: Receive, send: Send, row: Row, caller: Identity, message: Message) -> None:
        id = envelope.encoded(message.id)
        try:
            opening = opening_of(message)
            session = self.sessions.begin(row.name, caller, opening)
        except Malformed as error:
            await refuse(send, 400, str(error), id=id, code=error.code)
            return
        except Unavailable as error:
            await refuse(send, 429, str(error), id=id, code=envelope.UNAVAILABLE, headers=((b"retry-after", b"5"),))
            return
        exchange = Exchange(send, receive, session.stream)
        exchange.headers = ((SESSION, session.id.encode()),)
        session.requests[id] = exchange  # so it is not idle, however long its server takes to start
        outcome = await self.calling.answered(exchange, id, session.owner, self.opened(row, caller, session, id))
        session.requests.pop(id, None)
        if outcome is not Outcome.DONE or exchange.left:
            self.sessions.end(session)

    async def opened(self, row: Row, caller: Identity, session: Session, id: bytes) -> bytes:
        """The answer to ``initialize`` with this *id*: what the server said at its own."""
        opened = (await self.linked(row, caller, session)).opened
        if opened is None:
            raise Unavailable(f"{row.name} is not open")
        session.version = lower_version(session.opening.version, opened.version)
        return envelope.result(id, bridge.initialized(opened, session.version))

    async def linked(self, row: Row, caller: Identity, session: Session) -> Link:
        """The server of *session*, which is asked for again if it ended."""
        link = session.link
        if link is not None and not link.ended:
            return link
        link = await self.calling.reach(row, caller, session.id, Era.LEGACY, session.opening)
        if session.link is not link:
            session.link = link
            link.listen(session)
        return link

    async def request(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        row: Row,
        caller: Identity,
        session: Session,
        message: Message,
        *,
        eager: bool = False,
    ) -> None:
        """One request of a session, answered on its own stream."""
        id = envelope.encoded(message.id)
        if message.method == "ping":
            await answer(send, 200, envelope.result(id, b"{}"))
            return
        if id in session.requests:
            self._refused(scope, row, caller, message, "id")
            await refuse(send, 400, f"a request with the id {id[:80].decode()} waits already in this session", id=id)
            return
        exchange = Exchange(send, receive, session.stream, primed=session.version >= _PRIMED_SINCE)
        exchange.eager = eager
        session.requests[id] = exchange
        try:
            await self.calling.answered(
                exchange, id, session.owner, self.asked(scope, row, caller, session, message, id, exchange)
            )
        finally:
            session.requests.pop(id, None)

    def _refused(self, scope: Scope, row: Row, caller: Identity, message: Message, reason: str) -> None:
        """Record a request that no server was asked."""
        with contextlib.suppress(Malformed):
            params = envelope.members(message.params)
            self.calling.permitting.refused(scope, caller, row.name, str(message.method), params, reason)

    async def asked(
        self, scope: Scope, row: Row, caller: Identity, session: Session, message: Message, id: bytes, exchange: Request
    ) -> bytes:
        """The answer to *message* as the client has to see it."""
        method = str(message.method)
        params: Mapping[str, Raw] | None = envelope.members(message.params)
        permit = await self.calling.permitting.permit(scope, caller, row, method, params)
        exchange.headers = (*exchange.headers, *permit.headers)
        exchange.allowed()
        outcome, reason = Outcome.FAILED, "Unavailable"
        found: Message | None = None
        try:
            link = await self.linked(row, caller, session)
            here = bridge.from_legacy(link, session, method, params)
            if here is not None:
                params = here.params
                if here.answer is not None:
                    return here.answer(id)
            permit.reached(link)
            found = await asked(lambda: self.linked(row, caller, session), method, params, listener=session, tell=exchange.tell)
            found = self.calling.permitting.seen(caller, row, method, found)
            outcome, reason = (Outcome.DONE, "") if found.error is UNSET else (Outcome.FAILED, "error")
            return bridge.to_legacy(link, id, found)
        except asyncio.CancelledError:
            reason = "Stopped"
            raise
        finally:
            permit.ended(outcome, reason, found)

    def said(self, row: Row, session: Session, message: Message) -> None:
        """A notification or an answer of the client."""
        if message.method is UNSET:
            session.answered(answer_in_scope(row, session, message))
            return
        with contextlib.suppress(Malformed):
            params = envelope.members(message.params)
            if message.method == "notifications/cancelled":
                request = session.requests.get(envelope.encoded(envelope.value((params or {}).get("requestId"))))
                if request is not None:
                    request.abort("its client cancelled it")
            elif message.method != "notifications/initialized" and session.link is not None:  # the link said that itself
                bridge.said_by_legacy(session.link, message.method, params)


def opening_of(message: Message) -> Opening:
    """What a client says of itself in ``initialize``. Raises `Malformed`."""
    params = envelope.members(message.params) or {}
    version = envelope.text(params.get("protocolVersion"))
    if not version:
        raise Malformed(envelope.INVALID_PARAMS, "initialize names no protocolVersion")
    return Opening(
        version=version if version in LEGACY_VERSIONS else LEGACY_VERSION,
        capabilities=bytes(params.get("capabilities", Raw(b"{}"))),
        client=bytes(params.get("clientInfo", Raw(b'{"name":"unknown","version":"0"}'))),
    )


def _last(field: bytes) -> tuple[str, int]:
    """The stream and the number of an event."""
    key, _, number = field.decode("latin-1").strip().rpartition("-")
    return (key, int(number)) if key and number.isascii() and number.isdigit() and len(number) < 16 else ("", 0)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
