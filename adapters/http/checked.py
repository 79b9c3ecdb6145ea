"""Checks of every request: it uses our host name, comes from no page of another origin, and has a path with one meaning. The
answer gets headers that protect our pages.

If an attacker's name server points at this machine (DNS rebinding), the request has another host name; a form on a page of
another site has another origin. The path that was checked is the one that is served and passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.paths import NotPlainPath, encoded, in_a_registry, plain, plain_query

HEALTH = ("/livez", "/readyz", "/startupz")
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRequests:
    """``app`` behind the checks. Probes may use any host name: a kubelet uses the pod's address."""

    app: ASGIApp
    hosts: frozenset[str]
    origins: frozenset[str]
    secure: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            elif scope["type"] == "websocket":
                await self._websocket(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        refusal = _one_path(scope)
        if refusal is None and scope["path"] not in HEALTH:
            refusal = self._refusal(Headers(scope=scope))
        await (refusal or self.app)(scope, receive, guarded)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _one_path(scope) is None and self._refusal(Headers(scope=scope)) is None:
            await self.app(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        if headers.get("host", "").lower() not in self.hosts:
            return PlainTextResponse("This server does not answer to that host name (ARCOPS_PUBLIC_URL).\n", status_code=421)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self.origins:
            return PlainTextResponse("Pages of other origins may not call this server.\n", status_code=403)
        return None


def _one_path(scope: Scope) -> PlainTextResponse | None:
    """Leaves *scope* with one spelling of its path, or returns an answer that says why there is no such spelling."""
    try:
        path = plain(in_a_registry(scope.get("raw_path") or encoded(scope["path"])))
        plain_query(scope.get("query_string", b""))
    except NotPlainPath as error:
        return PlainTextResponse(f"This address is refused: {error}.\n", status_code=400)
    scope["path"], scope["raw_path"] = path, encoded(path)
    return None
