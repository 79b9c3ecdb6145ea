"""The relay as one ASGI application: ``/{server}/mcp``, ``/{server}/sse``, ``/{server}/messages`` and ``/{server}/status``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from msgspec import UNSET
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from adapters.http.access import Door
from adapters.http.callers import NotIn
from adapters.http.standing import WhileLetIn
from adapters.relay import modern
from adapters.relay.accepting import accepts, is_json
from adapters.relay.access import Entry
from adapters.relay.addresses import KINDS, METADATA, Addresses
from adapters.relay.answers import answer, refuse
from adapters.relay.calling import HELD_SECONDS, Calling, no_such
from adapters.relay.failing import FORBIDDEN, UNAUTHORIZED, Failed
from adapters.relay.forwarding import Forwarding
from adapters.relay.legacy import Legacy
from adapters.relay.metadata import described
from adapters.relay.modern import Modern
from adapters.relay.permitting import Permitting
from adapters.relay.reading import Fields, fields_of, read
from adapters.relay.sse import Sse
from adapters.relay.status import shown
from adapters.relay.together import ALL, Together
from adapters.relay.together import ROW as TOGETHER
from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.audit.record import Outcome
from services.host import envelope
from services.host.costs.meter import Meter
from services.host.envelope import Malformed
from services.host.eras import LEGACY_VERSIONS
from services.host.hosted import Hosted, Row
from services.host.sessions import MOST_EACH, Sessions, owner_of

if TYPE_CHECKING:  # the relay in a pod knows no verdicts and no rows
    from services.host.offers import Offers

MOST_BODY = 4 * 1024 * 1024
"""Bytes of one message of a client."""
SWEEP_SECONDS = 30.0
_LEGACY = frozenset(one.encode() for one in LEGACY_VERSIONS)


@dataclass(slots=True, kw_only=True)
class Relay:
    """The application. Made by `relay`."""

    hosted: Hosted
    entry: Entry
    permitting: Permitting
    sessions: Sessions
    legacy: Legacy
    modern: Modern
    sse: Sse
    door: Door | None
    most_body: int
    forwarding: Forwarding | None = None
    together: Together | None = None
    closed: bool = False
    _sweeping: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _not_http(scope, receive, send)
            return
        if self._sweeping is None and not self.closed:
            self._sweep()
        try:
            await self._serve(scope, receive, send)
        except Failed as error:
            failure = error.failure
            await answer(send, failure.status, failure.body(b"null"), failure.headers)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(METADATA):
            await described(scope, send, self.door, self.entry, self.hosted)
            return
        found = self.entry.addresses.read(path)
        if found is None or b"%" in scope.get("raw_path", b""):
            where = self.entry.addresses.path("NAME", "mcp")
            await refuse(send, 404, f"there is nothing at this address; a server is at {where}")
            return
        name, kind = found
        fields = fields_of(scope)
        vouched = self.forwarding.vouched(scope, fields) if self.forwarding is not None else None
        caller = vouched or await self._caller(scope, send, fields, name)
        if caller is None:
            return
        row = TOGETHER if name == ALL and self.together is not None else self.hosted.row(name)
        if row is None or (row is TOGETHER and kind != "mcp"):
            raise no_such(name)
        if self.closed:
            await refuse(send, 503, "this host ends", code=envelope.UNAVAILABLE, headers=((b"retry-after", b"5"),))
            return
        if vouched is None and self.door is not None and _lasts(scope, fields):  # who passed it on looks at that
            receive = WhileLetIn(receive, partial(self._let_in, scope, fields, name, caller))
        shares = self.door.requests if self.door is not None else None
        away = await self._away(kind, row, scope, fields) if self.forwarding is not None and vouched is None else ""
        if shares is None:
            await self._one(scope, receive, send, kind, row, caller, fields, away)
            return
        who = "\n".join((caller.issuer, caller.tenant, caller.id)) if caller.id else str((scope.get("client") or ("",))[0])
        try:
            shares.take(who)
        except Unavailable as error:
            await refuse(send, 429, str(error), code=envelope.UNAVAILABLE, headers=((b"retry-after", b"5"),))
            return
        try:
            await self._one(scope, receive, send, kind, row, caller, fields, away)
        finally:
            shares.give(who)

    async def _away(self, kind: str, row: Row, scope: Scope, fields: Fields) -> str:
        """The address of the host that has to answer; empty if it is this one."""
        if kind == "status" or self.forwarding is None:
            return ""
        return self.forwarding.elsewhere(kind, scope, fields) or (await self.hosted.elsewhere(row.name) if row.one_host else "")

    async def _caller(self, scope: Scope, send: Send, fields: Fields, server: str) -> Identity | None:
        known = self.entry.known(fields, server)
        if known is not None:
            return known
        found = await self.entry.identify(scope, fields, server)
        if isinstance(found, Identity):
            return found
        if found.status == 401:
            self.permitting.told(scope, found.who, Outcome.DENIED, "token", server)
        await _not_in(send, found)
        return None

    async def _let_in(self, scope: Scope, fields: Fields, server: str, caller: Identity) -> bool:
        """Does what *caller* showed still count? If that cannot be seen now, it counts until it can."""
        found = await self.entry.identify(scope, fields, server)
        return owner_of(found) == owner_of(caller) if isinstance(found, Identity) else found.status not in (401, 403)

    async def _one(
        self, scope: Scope, receive: Receive, send: Send, kind: str, row: Row, caller: Identity, fields: Fields, away: str
    ) -> None:
        method = scope["method"]
        if away and self.forwarding is not None:
            body = await read(receive, send, self.most_body) if method == "POST" else b""
            if body is not None:
                await self.forwarding.forward(scope, receive, send, caller, fields, to=away, body=body, name=row.name)
            return
        if kind == "status":
            if method not in ("GET", "HEAD"):
                await _not_allowed(send, "GET")
            else:
                await shown(send, row, self.hosted.shown(row.name), caller)
        elif kind == "sse":
            if method != "GET":
                await _not_allowed(send, "GET")
            else:
                await self.sse.open(scope, receive, send, row, caller, fields)
        elif kind == "messages" or method == "POST":
            await self._post(scope, receive, send, kind, row, caller, fields)
        elif fields.get(modern.VERSION, b"2025-11-25").strip() not in _LEGACY:
            await _not_allowed(send, "POST")
        elif method == "GET":
            if not accepts(fields.get(b"accept", b""))[1]:
                await refuse(send, 406, "this answer is a stream of events; accept text/event-stream")
            else:
                await self._legacy(row).get(receive, send, row, caller, fields)
        elif method == "DELETE":
            await self._legacy(row).delete(send, row, caller, fields)
        else:
            await _not_allowed(send, "GET, POST, DELETE")

    async def _post(
        self, scope: Scope, receive: Receive, send: Send, kind: str, row: Row, caller: Identity, fields: Fields
    ) -> None:
        if scope["method"] != "POST":
            await _not_allowed(send, "POST")
            return
        if not is_json(fields.get(b"content-type", b"")):
            await refuse(send, 415, "the body has to be application/json")
            return
        if kind == "mcp" and not all(accepts(fields.get(b"accept", b""))):
            await refuse(send, 406, "the answer is JSON or a stream of events; accept application/json and text/event-stream")
            return
        body = await read(receive, send, self.most_body)
        if body is None:
            return
        try:
            message = envelope.read(body)
            if message.method is UNSET and not envelope.is_answer(message):
                raise Malformed(envelope.INVALID_REQUEST, "the message is neither a request, a notification nor an answer")
            if message.id is None and message.error is UNSET:
                raise Malformed(envelope.INVALID_REQUEST, "the id is null")
        except Malformed as error:
            await refuse(send, 400, str(error), code=error.code)
            return
        if kind == "messages":
            await self.sse.post(scope, receive, send, row, caller, message)
        elif fields.get(modern.VERSION, b"2025-11-25") in _LEGACY:
            await self._legacy(row).post(scope, receive, send, row, caller, fields, message)
        elif row is TOGETHER and self.together is not None:
            await self.together.for_modern.post(scope, receive, send, row, caller, fields, message)
        else:
            await self.modern.post(scope, receive, send, row, caller, fields, message)

    def _legacy(self, row: Row) -> Legacy:
        return self.together.for_legacy if row is TOGETHER and self.together is not None else self.legacy

    def _sweep(self) -> None:
        self.sessions.sweep()
        if not self.closed:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def close(self) -> None:
        """End every session and stream: this host ends. What comes later is refused."""
        self.closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self.sse.close()
        if self.together is not None:
            self.together.changes.close()
        self.sessions.close()

    @staticmethod
    def serves(path: str) -> bool:
        """Is *path* one of a hosted server, be it there or not?"""
        return path.startswith(METADATA) or (path.count("/") == 2 and path.rpartition("/")[2] in KINDS)

    def routes(self) -> list[BaseRoute]:
        """For a front: after all its own, so that none of them is hidden."""
        metadata: list[BaseRoute] = [Route(METADATA + "/{server}/mcp", endpoint=self, methods=["GET"])]
        return metadata + [Route("/{server}/" + kind, endpoint=self, methods=["GET", "POST", "DELETE"]) for kind in KINDS]


def relay(
    hosted: Hosted,
    door: Door | None = None,
    *,
    origin: str = "http://127.0.0.1:8430",
    only: str = "",
    anyone: Identity | None = None,
    most_body: int = MOST_BODY,
    held_seconds: float = HELD_SECONDS,
    sessions: Sessions | None = None,
    forwarding: Forwarding | None = None,
    meter: Meter | None = None,
    offers: Offers | None = None,
) -> Relay:
    """The servers of *hosted* for callers that *door* lets in. *origin* is this host's address for clients. With *forwarding*
    there are other hosts, to which requests are passed on. *only* is the one server that has this address for itself; *anyone*
    is who every caller is, if none has to say. *meter* measures what calls cost. With *offers* all servers are also served
    together, at ``/all/mcp``.
    """
    addresses = Addresses(origin=origin.rstrip("/"), only=only)
    permitting = Permitting(door=door, addresses=addresses, meter=meter)
    calling = Calling(hosted=hosted, permitting=permitting, held_seconds=held_seconds)
    if sessions is None:
        sealed = forwarding.peers.sealed if forwarding is not None else ""
        most_each = MOST_EACH if door is None else door.quotas.sessions
        sessions = Sessions(hosted.gone, most_each=most_each, sealed=sealed)
    legacy, modern_ = Legacy(calling=calling, sessions=sessions), Modern(calling=calling)
    return Relay(
        hosted=hosted,
        entry=Entry(door=door, addresses=addresses, anyone=anyone),
        permitting=permitting,
        sessions=sessions,
        legacy=legacy,
        modern=modern_,
        sse=Sse(legacy=legacy, addresses=addresses),
        door=door,
        most_body=most_body,
        forwarding=forwarding,
        together=Together.of(offers, legacy, modern_) if offers is not None else None,
    )


def _lasts(scope: Scope, fields: Fields) -> bool:
    """May the answer be a stream that does not end by itself?"""
    return scope["method"] == "GET" or fields.get(modern.METHOD) == b"subscriptions/listen"


async def _not_in(send: Send, found: NotIn) -> None:
    headers = ((b"www-authenticate", found.challenge.encode("latin-1", "replace")),) if found.challenge else ()
    code = {401: UNAUTHORIZED, 403: FORBIDDEN}.get(found.status, envelope.UNAVAILABLE)
    await refuse(send, found.status, found.said, code=code, headers=headers)


async def _not_allowed(send: Send, allow: str) -> None:
    await refuse(send, 405, f"this address takes {allow}", headers=((b"allow", allow.encode()),))


async def _not_http(scope: Scope, receive: Receive, send: Send) -> None:
    """WebSockets are refused; of an application's beginning and end there is nothing to do."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
