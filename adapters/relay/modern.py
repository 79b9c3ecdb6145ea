"""Clients of 2026-07-28: each request says all of itself, in its body and again in its headers (MCP 2026-07-28, transports)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from msgspec import UNSET, Raw
from starlette.types import Receive, Scope, Send

from adapters.relay.answers import answer, empty, refuse
from adapters.relay.calling import Calling, asked
from adapters.relay.exchange import Exchange
from adapters.relay.failing import Failed, Failure
from adapters.relay.listening import listened
from adapters.relay.parameters import Parameters
from arcops.identity import Identity
from foundation.audit.record import Outcome
from services.host import bridge, envelope
from services.host.envelope import HEADER_MISMATCH, INVALID_PARAMS, METHOD_NOT_FOUND, UNSUPPORTED_VERSION, Message
from services.host.eras import META, MODERN_VERSION, Era
from services.host.hosted import Row
from services.host.link import Link
from services.host.parameters import read_field
from services.host.sessions import owner_of
from services.host.streams import Stream

VERSION, METHOD, NAME = b"mcp-protocol-version", b"mcp-method", b"mcp-name"
ROUTING = (VERSION, METHOD, NAME)
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_STATUS = {
    envelope.PARSE_ERROR: 400,
    envelope.INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    envelope.MISSING_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
"""The status of an error's code, if it is the whole answer."""
_SUBSCRIBE = "resources/subscribe"
_OLD = frozenset(("initialize", "ping", "logging/setLevel", _SUBSCRIBE, "resources/unsubscribe"))

Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modern:
    """Serves requests that belong to no session."""

    calling: Calling
    parameters: Parameters = field(default_factory=Parameters)

    async def post(
        self, scope: Scope, receive: Receive, send: Send, row: Row, caller: Identity, fields: Fields, message: Message
    ) -> None:
        """One request; a notification is taken and means nothing (clients of this era have no notification to send)."""
        if message.method is UNSET or message.id is None:
            await refuse(send, 400, "the body is neither one request nor one notification")
            return
        if message.id is UNSET:
            wrong = _unknown(fields.get(VERSION, b"").decode("latin-1"))
            if wrong is not None:
                await answer(send, 400, wrong.body(b"null"))
            else:
                await empty(send, 202)
            return
        id = envelope.encoded(message.id)
        numbers = count(1)
        exchange = Exchange(send, receive, lambda: Stream(str(next(numbers)), resumable=False))
        await self.calling.answered(
            exchange, id, owner_of(caller), self.whole(scope, row, caller, fields, message, id, exchange), _status
        )

    async def whole(
        self, scope: Scope, row: Row, caller: Identity, fields: Fields, message: Message, id: bytes, exchange: Exchange
    ) -> bytes:
        """The answer to *message*, whose headers have to say what its body does."""
        method = str(message.method)
        params: Mapping[str, Raw] | None = envelope.members(message.params)
        try:
            refuse_mismatch(fields, method, params)
        except Failed:
            self.calling.permitting.refused(scope, caller, row.name, method, params, "request")
            raise
        return await self.asked(scope, row, caller, fields, method, params, id, exchange)

    async def asked(
        self,
        scope: Scope,
        row: Row,
        caller: Identity,
        fields: Fields,
        method: str,
        params: Mapping[str, Raw] | None,
        id: bytes,
        exchange: Exchange,
        met: Callable[[Link], object] = bool,
    ) -> bytes:
        """The answer of the server of *row* to *method*, as the client has to see it. *met* is told which link it goes to."""
        if method in _OLD:
            raise Failed(Failure(status=404, code=METHOD_NOT_FOUND, said=f"MCP {MODERN_VERSION} has no {method}"))
        permit = await self.calling.permitting.permit(scope, caller, row, _permitted_as(method, params), params)
        exchange.headers = permit.headers
        outcome, reason = Outcome.FAILED, "Unavailable"
        found: Message | None = None
        session = without_session(caller)

        async def reached() -> Link:
            return await self.calling.reach(row, caller, session, Era.MODERN)

        try:
            link = await reached()
            if method == "server/discover" and link.opened is not None:
                outcome, reason = Outcome.DONE, ""
                return envelope.result(id, bridge.discovered(link.opened))
            if method == "subscriptions/listen":
                permit.ended(Outcome.DONE, "", None)  # it was let in: its record does not wait for hours
                return await listened(link, params, id, exchange)
            if method == "tools/call" and params is not None:
                await self.parameters.refuse_mismatch(link, params, fields)
            here = bridge.from_modern(link, method, params)
            if here is not None:
                if here.answer is not None:
                    return here.answer(id)
                params = here.params
            permit.reached(link)
            met(link)
            found = await asked(reached, method, params, tell=exchange.tell)
            found = self.calling.permitting.seen(caller, row, method, found)
            outcome, reason = (Outcome.DONE, "") if found.error is UNSET else (Outcome.FAILED, "error")
            return bridge.to_modern(link, method, id, found)
        except asyncio.CancelledError:
            reason = "Stopped"
            raise
        except Failed:
            outcome, reason = Outcome.REFUSED, "request"
            raise
        finally:
            permit.ended(outcome, reason, found)


def _permitted_as(method: str, params: Mapping[str, Raw] | None) -> str:
    """What a request has to be permitted as: to listen to resources is to subscribe to them, as it is called earlier."""
    if method != "subscriptions/listen":
        return method
    asked = envelope.members((params or {}).get("notifications", UNSET)) or {}
    return _SUBSCRIBE if envelope.value(asked.get("resourceSubscriptions")) else method


def without_session(caller: Identity) -> str:
    """What stands for the session of a client that has none: a server that is not stateless is then the caller's own."""
    who = "\n".join((caller.issuer, caller.tenant, caller.id))
    return f"caller-{hashlib.sha256(who.encode()).hexdigest()[:24]}"


def refuse_mismatch(fields: Fields, method: str, params: Mapping[str, Raw] | None) -> None:
    """Raise `Failed` if the request lacks what this era needs, or its headers say something else than its body."""
    meta = envelope.members((params or {}).get("_meta", UNSET))
    if meta is None:
        raise _wrong(INVALID_PARAMS, f"params._meta has to have {META}protocolVersion and {META}clientCapabilities")
    lacking = [name for name in ("protocolVersion", "clientCapabilities") if META + name not in meta]
    if lacking:
        raise _wrong(INVALID_PARAMS, f"params._meta lacks {', '.join(META + one for one in lacking)}")
    version = envelope.value(meta[META + "protocolVersion"])
    said = fields.get(VERSION)
    if said is None or said.decode("latin-1") != version:
        raise _wrong(HEADER_MISMATCH, "the header MCP-Protocol-Version is not the protocolVersion of params._meta")
    if (of := fields.get(METHOD)) is None or of.decode("latin-1") != method:
        raise _wrong(HEADER_MISMATCH, "the header Mcp-Method is not the method of the body")
    key = _NAMED.get(method)
    if key is not None and params is not None:
        named = envelope.value(params.get(key))
        if named is not None and read_field(fields.get(NAME)) != named:
            raise _wrong(HEADER_MISMATCH, f"the header Mcp-Name is not the {key} of the body")
    unknown = _unknown(str(version))
    if unknown is not None:
        raise Failed(unknown)


def _unknown(version: str) -> Failure | None:
    if version == MODERN_VERSION:
        return None
    data = {"supported": [MODERN_VERSION], "requested": version[:100]}
    return Failure(status=400, code=UNSUPPORTED_VERSION, said="Unsupported protocol version", data=data)


def _wrong(code: int, said: str) -> Failed:
    return Failed(Failure(status=400, code=code, said=said))


def _status(body: bytes) -> int:
    if b'"error"' not in body[:4096]:
        return 200
    return _STATUS.get(envelope.code_of(envelope.heard(body)), 200)
