"""A request whose session, or whose server, lives at another host of this site is passed on to that host, and its answer back.

This host lets the caller in and vouches for them (`services.host.peers`); the other one decides what they may do, counts and
records it. A request is passed on once. If that host does not answer, a session is lost with it: its client is told so (404),
and begins a new one here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from adapters.relay.failing import Failed, failed
from arcops.errors import Refused
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.authorization.role_policy import RESERVED
from foundation.egress import web
from foundation.egress.destination import read_destination
from foundation.egress.permission import Purpose
from foundation.settings import is_loopback
from services.host import envelope
from services.host.peers import NotVouched, Peers
from services.host.sessions import AT

if TYPE_CHECKING:
    from foundation.egress.web import AsyncClient, Response

VOUCHED = b"arcops-vouched"
SESSION = b"mcp-session-id"
CONNECT_SECONDS = 3.0
READ_SECONDS = 60.0
"""Between two parts of an answer: a stream has a comment each 15 seconds."""
MOST_CONNECTIONS = 4096
_PASSED = frozenset(("accept", "content-type", "last-event-id", "traceparent", "tracestate"))
_NOT_BACK = frozenset(("connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "date", "server"))
_PURPOSE = Purpose(
    what="the address of another host of this site",
    form="write https://HOST:PORT",
    instead="set ARCOPS_TIER=restricted, so that hosts may reach one another",
)

_log = logging.getLogger(__name__)
Fields = Mapping[bytes, bytes]


@dataclass(slots=True, kw_only=True)
class Forwarding:
    """Passes requests on to other hosts of ``peers``, whose certificates come from ``authorities`` (PEM; empty: the usual)."""

    peers: Peers
    tier: Tier
    authorities: str = ""
    _clients: dict[str, AsyncClient] = field(default_factory=dict)

    def vouched(self, scope: Scope, fields: Fields) -> Identity | None:
        """The caller that another host vouches for; ``None`` if no one is named. Raises `Failed` if that cannot be believed."""
        shown = fields.get(VOUCHED)
        if shown is None:
            return None
        try:
            caller = self.peers.vouched(shown.decode("latin-1"), asked=_asked(scope, fields))
        except NotVouched as error:
            raise failed(401, envelope.UNAVAILABLE, str(error)) from error
        client = scope.get("client")
        if caller.issuer == RESERVED and not (client and is_loopback(client[0])):
            raise failed(403, envelope.UNAVAILABLE, "the user of another machine is not the user of this one")
        return caller

    def elsewhere(self, kind: str, scope: Scope, fields: Fields) -> str:
        """The address of the other host in whose session this request is; empty if it is in none, or in one of ours."""
        if kind == "messages":
            given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("session_id", [])
            id = given[0] if len(given) == 1 else ""
        else:
            id = fields.get(SESSION, b"").decode("latin-1")
        return self.peers.elsewhere(id.partition(AT)[2])

    async def forward(
        self, scope: Scope, receive: Receive, send: Send, caller: Identity, fields: Fields, *, to: str, body: bytes, name: str
    ) -> None:
        """Ask the host at *to* as *caller* would, and answer with its answer. Raises `Failed`."""
        if caller.issuer == RESERVED and not read_destination(to).here:
            raise failed(
                403, envelope.UNAVAILABLE, "this session is at another machine, which does not know the user of this one"
            )
        headers = {one.decode(): value.decode("latin-1") for one, value in fields.items() if _passed(one.decode("latin-1"))}
        headers[VOUCHED.decode()] = self.peers.vouch(caller, to=to, asked=_asked(scope, fields))
        path = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope.get("query_string") else "")
        work = asyncio.ensure_future(self._passed_on(to + path, scope["method"], headers, body, send, name))
        left = asyncio.ensure_future(_until_left(receive))
        try:
            await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for one in (work, left):
                one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((work,))

    async def _passed_on(self, url: str, method: str, headers: Mapping[str, str], body: bytes, send: Send, name: str) -> None:
        begun = False
        try:
            async with self._answer(url, method, headers, body) as answer:
                begun = True
                await _given_back(answer, send)
        except web.no_connection() as error:
            raise _gone(name, headers) from error
        except web.failures() as error:
            if begun:
                _log.warning("the answer of another host to a request for %s broke off: %s", name, type(error).__name__)
                return  # the connection breaks, so that no client takes what it has for the whole
            said = f"the host on which {name} runs did not answer; whether the call was done is not known"
            raise failed(502, envelope.UNAVAILABLE, said) from error

    @contextlib.asynccontextmanager
    async def _answer(self, url: str, method: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Response]:
        client = self._client(url)
        request = client.build_request(method, url, headers=dict(headers), content=body or None)
        answer = await client.send(request, stream=True)
        try:
            yield answer
        finally:
            await answer.aclose()

    def _client(self, url: str) -> AsyncClient:
        host = "/".join(url.split("/")[:3])
        if host not in self._clients:
            try:
                self._clients[host] = web.client(
                    self.tier,
                    host,
                    _PURPOSE,
                    seconds=CONNECT_SECONDS,
                    read_seconds=READ_SECONDS,
                    headers={"accept-encoding": "identity", "user-agent": "arcops"},
                    connections=MOST_CONNECTIONS,
                    authorities=self.authorities,
                )
            except Refused as error:
                raise failed(503, envelope.UNAVAILABLE, str(error)) from error
        return self._clients[host]

    async def close(self) -> None:
        """Close what is open to other hosts."""
        for one in self._clients.values():
            await one.aclose()
        self._clients.clear()


async def _given_back(answer: Response, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.multi_items()]
    headers = [(name, value) for name, value in headers if name.decode() not in _NOT_BACK]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    async for part in answer.aiter_raw():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _gone(name: str, headers: Mapping[str, str]) -> Failed:
    """There is no connection to the host, so nothing was sent: a session is lost; a server comes up elsewhere in a moment."""
    if SESSION.decode() in headers:
        return failed(404, envelope.INVALID_REQUEST, "the host of this session does not answer; send initialize again")
    said = f"the host on which {name} runs does not answer; another one may run it in a moment"
    return failed(503, envelope.UNAVAILABLE, said, headers=((b"retry-after", b"5"),))


def _asked(scope: Scope, fields: Fields) -> dict[str, str]:
    return {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope.get("query_string", b"").decode("latin-1"),
        "session": fields.get(SESSION, b"").decode("latin-1"),
    }


def _passed(name: str) -> bool:
    return name in _PASSED or name.startswith("mcp-")


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
