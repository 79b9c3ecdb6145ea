"""One path of the front handed on to a server on this machine: HTTP as a stream, and WebSockets.

The server behind is reached over loopback only, is told nothing of who calls but what the caller says, and its pages come
with a content-security policy under which a browser reaches nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable

import httpx2
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

# Named once, here, for the browser to hold third-party code to: Prefect's pages ask strangers for scripts and counts.
POLICY = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split(),
)
_OURS = frozenset((b"content-security-policy", b"server", b"date", b"strict-transport-security"))
_SECONDS = 60.0


class Proxied:
    """``origin`` is where the server behind answers; ``path`` turns the front's path into its."""

    def __init__(self, origin: str, path: Callable[[str], str]) -> None:
        self._origin = origin
        self._path = path
        self._client: httpx2.AsyncClient | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the connections while the front is served."""
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
        async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False, limits=limits) as client:
            self._client = client
            yield
        self._client = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._client is None:
            await PlainTextResponse("not served yet\n", status_code=503)(scope, receive, send)
            return
        url = f"{self._origin}{self._path(scope['path'])}"
        if scope.get("query_string"):
            url += "?" + scope["query_string"].decode("latin-1")
        headers = [(name, value) for name, value in _kept(scope["headers"]) if name != b"host"]
        request = self._client.build_request(scope["method"], url, headers=headers, content=_body(scope, receive))
        try:
            answer = await self._client.send(request, stream=True)
        except httpx2.HTTPError as error:
            said = f"the server behind does not answer ({type(error).__name__}); /readyz says more\n"
            await PlainTextResponse(said, status_code=502)(scope, receive, send)
            return
        try:
            shown = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _HOP_BY_HOP | _OURS]
            shown.append((b"content-security-policy", POLICY.encode()))
            await send({"type": "http.response.start", "status": answer.status_code, "headers": shown})
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException
        from websockets.typing import Subprotocol

        await receive()  # the connection's opening
        url = f"{self._origin.replace('http', 'ws', 1)}{self._path(scope['path'])}"
        if scope.get("query_string"):
            url += "?" + scope["query_string"].decode("latin-1")
        authorization = [
            (name.decode(), value.decode("latin-1")) for name, value in scope["headers"] if name == b"authorization"
        ]
        wanted = [Subprotocol(one) for one in scope.get("subprotocols", ())]
        try:
            async with connect(
                url, subprotocols=wanted or None, additional_headers=authorization, proxy=None, max_size=16 * 1024 * 1024
            ) as behind:
                await send({"type": "websocket.accept", "subprotocol": behind.subprotocol})

                async def down() -> None:
                    async for message in behind:
                        kind = "text" if isinstance(message, str) else "bytes"
                        await send({"type": "websocket.send", kind: message})
                    await send({"type": "websocket.close", "code": behind.close_code or 1000})

                async def up() -> None:
                    while (message := await receive())["type"] == "websocket.receive":
                        text = message.get("text")
                        await behind.send(text if text is not None else message["bytes"])

                ways = {asyncio.ensure_future(down()), asyncio.ensure_future(up())}
                _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for one in left:
                    one.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, WebSocketException, TimeoutError):
            with contextlib.suppress(RuntimeError):  # it was closed meanwhile
                await send({"type": "websocket.close", "code": 1014})


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((name, value) for name, value in headers if name not in _HOP_BY_HOP)


def _body(scope: Scope, receive: Receive) -> AsyncIterator[bytes] | None:
    """The request's body as it comes, or nothing where there is none."""
    names = dict(scope["headers"])
    if b"content-length" not in names and b"transfer-encoding" not in names:
        return None

    async def parts() -> AsyncIterator[bytes]:
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return

    return parts()
