"""One path of the front, passed on to a server on this machine: HTTP as a stream, and WebSockets.

The server behind is reached over loopback only. It gets the checked path, in one spelling, and a request that is framed here.
Instead of the caller's credentials it gets its own password: no cookie, and no token that was meant for us. Its pages come with
a content security policy under which a browser loads nothing from other servers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from adapters.http.paths import encoded
from foundation.egress.behind import Behind, NoAnswer

# Set here, so that the browser enforces it on code of others: Prefect's pages load scripts and counters from other servers.
POLICY = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
_HOP_BY_HOP = frozenset(
    (
        b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade"
    ).split(),
)
_NOT_ON = frozenset(b"host content-length cookie expect".split())
_NOT_BACK = frozenset(b"content-security-policy server date strict-transport-security set-cookie".split())
_SECONDS = 60.0
_MOST_SOCKETS = 100
_BEGINNING = 64 * 1024
_FAILED = 1014


class _CallerGone(Exception):
    """The sender of the body went away."""


@dataclass(eq=False, slots=True)
class _Socket:
    """A WebSocket: did the server behind say anything to it, and should it end?"""

    answered: bool = False
    leaves: asyncio.Event = field(default_factory=asyncio.Event)


class Proxied:
    """``origin`` is the address of the server behind; ``path`` changes the front's path into that server's."""

    def __init__(self, origin: str, path: Callable[[str], str]) -> None:
        self._behind = Behind(origin, seconds=_SECONDS)
        self._path = path
        self._sockets: dict[_Socket, None] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the connections while the front is served."""
        async with self._behind.holding():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._behind.held:
            await PlainTextResponse("not served yet\n", status_code=503)(scope, receive, send)
            return
        headers = [*_handed_on(scope["headers"]), *_framed(scope["headers"])]
        try:
            answer = await self._behind.ask(scope["method"], self._target(scope), headers, await _body(scope, receive))
        except TimeoutError:
            await PlainTextResponse(f"the body did not continue for {_SECONDS:.0f} seconds\n", status_code=408)(
                scope, receive, send
            )
            return
        except (NoAnswer, _CallerGone) as error:
            said = f"the server behind does not answer ({error}); /readyz says more\n"
            await PlainTextResponse(said, status_code=502)(scope, receive, send)
            return
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            raw = [(name.lower(), value) for name, value in answer.headers.raw]
            shown = [(name, value) for name, value in raw if name not in _HOP_BY_HOP | _NOT_BACK]
            shown.append((b"content-security-policy", POLICY.encode()))
            await send({"type": "http.response.start", "status": answer.status_code, "headers": shown})
            async for part in answer.aiter_raw():
                if gone.done():
                    return  # what is sent to no one would be read to its end all the same
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            await answer.aclose()

    def _target(self, scope: Scope) -> bytes:
        """The target for the server behind: the checked path in its only spelling, and the query as it came."""
        target = encoded(self._path(scope["path"]))
        query: bytes = scope.get("query_string", b"")
        return target + b"?" + query if query else target

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the start of the connection
        if len(self._sockets) >= _MOST_SOCKETS and not self._makes_room():
            await send({"type": "websocket.close", "code": _FAILED})
            return
        one = _Socket()
        self._sockets[one] = None
        try:
            await self._both_ways(one, scope, receive, send)
        finally:
            self._sockets.pop(one, None)

    def _makes_room(self) -> bool:
        """End the WebSocket that has waited longest for a first answer. Is there such a one?

        The server behind answers nothing to who does not give its password.
        """
        longest = next((one for one in self._sockets if not one.answered), None)
        if longest is None:
            return False
        del self._sockets[longest]
        longest.leaves.set()
        return True

    async def _both_ways(self, one: _Socket, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = [
            (name.decode(), value.decode("latin-1")) for name, value in _handed_on(scope["headers"]) if name == b"authorization"
        ]
        target = self._target(scope).decode("ascii")
        try:
            async with self._behind.socket(target, scope.get("subprotocols", ()), authorization) as behind:
                await send({"type": "websocket.accept", "subprotocol": behind.subprotocol})

                async def down() -> None:
                    async for message in behind:
                        one.answered = True
                        kind = "text" if isinstance(message, str) else "bytes"
                        await send({"type": "websocket.send", kind: message})
                    await send({"type": "websocket.close", "code": behind.close_code or 1000})

                async def up() -> None:
                    while (message := await receive())["type"] == "websocket.receive":
                        text = message.get("text")
                        await behind.send(text if text is not None else message["bytes"])

                ways: set[asyncio.Future[object]] = {asyncio.ensure_future(each) for each in (down(), up(), one.leaves.wait())}
                _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in left:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, NoAnswer, TimeoutError):
            with contextlib.suppress(RuntimeError):  # it was closed meanwhile
                await send({"type": "websocket.close", "code": _FAILED})


def _handed_on(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """The caller's *headers* for the server behind. Headers that ``Connection`` names are for one hop (RFC 9110, 7.6.1)."""
    known = list(headers)
    named = {one.strip().lower() for name, value in known if name == b"connection" for one in value.split(b",")}
    if not any(name == b"accept-encoding" for name, _ in known):
        # Our client would ask for compressed answers in the caller's name, and the caller may be unable to read them.
        yield b"accept-encoding", b"identity"
    for name, value in known:
        if name in _HOP_BY_HOP or name in _NOT_ON or name in named:
            continue
        if name == b"authorization" and value[:6].lower() != b"basic ":
            continue  # a token for this server must not reach another one
        yield name, value


def _framed(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The framing of the body for the server behind: the one length that was read here, or chunks, which the client makes."""
    return [(b"content-length", b"%d" % int(value)) for name, value in headers if name == b"content-length"][:1]


async def _body(scope: Scope, receive: Receive) -> AsyncIterator[bytes] | None:
    """The request's body, or ``None`` if there is no body. The server behind is not asked before its beginning is here, which
    for most is all of it: a body that does not come is no matter of that server's.
    """
    names = {name for name, _ in scope["headers"]}
    if b"content-length" not in names and b"transfer-encoding" not in names:
        return None

    begun, more = bytearray(), True
    while more and len(begun) < _BEGINNING:
        part, more = await _part(receive)
        begun += part

    async def parts() -> AsyncIterator[bytes]:
        yield bytes(begun)
        going_on = more
        while going_on:
            part, going_on = await _part(receive)
            yield part

    return parts()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of a body, and whether there is more."""
    async with asyncio.timeout(_SECONDS):
        message = await receive()
    if message["type"] != "http.request":
        raise _CallerGone("the caller went away")
    return message.get("body", b""), message.get("more_body", False)
