"""The relay served in a test's own loop before real children, and a client that says exactly what a test means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn

from adapters.http.access import Door
from adapters.relay.app import Relay, relay
from adapters.relay.serve import config
from services.host.sessions import Sessions
from tests.simulators.hosting import ChildPipe, Hosting, trivial

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
META = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
PATIENCE = 60.0
_OPEN: list[asyncio.Transport] = []
_ENDINGS: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = WeakKeyDictionary()


@dataclass(slots=True, kw_only=True)
class Response:
    """One answer that has begun."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    transport: asyncio.Transport

    async def body(self) -> bytes:
        """All of it."""
        if "content-length" in self.headers:
            return await self.reader.readexactly(int(self.headers["content-length"]))
        parts = [part async for part in self.chunks()]
        return b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The parts as they come."""
        while size := int((await self.reader.readuntil(b"\r\n")).strip(), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)

    async def lines(self) -> AsyncIterator[str]:
        """The lines of a stream of events."""
        held = b""
        async for part in self.chunks():
            *whole, held = (held + part).split(b"\n")
            for line in whole:
                yield line.decode()

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """The id and the message of each event with data."""
        id = ""
        async for line in self.lines():
            if line.startswith("id: "):
                id = line[4:]
            elif line.startswith("data: {"):
                yield id, json.loads(line[6:])

    async def messages(self) -> list[Any]:
        """Every message of the answer, in whichever form."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            return [message async for _, message in self.events()]
        body = await self.body()
        self.transport.close()
        return [json.loads(body)] if body else []

    async def last(self) -> Any:
        """The last message."""
        return (await self.messages())[-1]

    def close(self) -> None:
        """Leave, as a client that is gone does."""
        self.transport.abort()


async def ask(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    raw: bytes = b"",
    limit: int = 1 << 26,
) -> Response:
    """One request on a connection of its own."""
    reader = asyncio.StreamReader(limit=limit)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: asyncio.StreamReaderProtocol(reader), "127.0.0.1", port)
    _OPEN.append(transport)
    await _left_at_the_end(loop)
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    transport.write(head.encode() + raw + b"content-length: %d\r\n\r\n" % len(body) + body)
    async with asyncio.timeout(PATIENCE):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return Response(status=int(lines[0].split()[1]), headers=fields, reader=reader, transport=transport)


@dataclass(slots=True, kw_only=True)
class Client:
    """One client with one session of 2025-11-25, or none."""

    port: int
    server: str = "t"
    session: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    numbers: int = 0

    async def send(self, message: object, **headers: str) -> Response:
        """POST one message, or any other JSON."""
        own = {**ACCEPT, **self.headers, **({"mcp-session-id": self.session} if self.session else {})}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await ask(self.port, "POST", f"/{self.server}/mcp", own, body)

    async def open(self, capabilities: object = None, version: str = "2025-11-25") -> Any:
        """Initialize; the result."""
        params = {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": {"name": "c", "version": "1"}}
        response = await self.send({"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": params})
        message = await response.last()
        self.session = response.headers.get("mcp-session-id", "")
        return message

    async def begin(self, name: str, arguments: object = None, *, id: object = None, token: object = None) -> Response:
        """Call a tool; the answer that has begun."""
        params: dict[str, object] = {"name": name, "arguments": arguments or {}}
        if token is not None:
            params["_meta"] = {"progressToken": token}
        return await self.request("tools/call", params, id=id)

    async def request(self, method: str, params: object = None, *, id: object = None) -> Response:
        """One request."""
        self.numbers += 1
        message = {"jsonrpc": "2.0", "id": self.numbers if id is None else id, "method": method}
        return await self.send(message | ({"params": params} if params is not None else {}))

    async def call(self, name: str, arguments: object = None, **more: Any) -> Any:
        """The last message of the answer to a call."""
        return await (await self.begin(name, arguments, **more)).last()

    async def text(self, name: str, arguments: object = None, **more: Any) -> str:
        """The text that a tool gives."""
        message = await self.call(name, arguments, **more)
        assert "result" in message, message
        return str(message["result"]["content"][0]["text"])

    async def cancelled(self) -> list[Any]:
        """The ids that the server was told to cancel."""
        return list(json.loads(await self.text("cancelled")))

    async def stream(self, last: str = "") -> Response:
        """The session's stream, or the rest of one."""
        own = {"accept": "text/event-stream", "mcp-session-id": self.session, **self.headers}
        return await ask(self.port, "GET", f"/{self.server}/mcp", own | ({"last-event-id": last} if last else {}))

    async def modern(self, method: str, params: dict[str, Any] | None = None, *, id: object = 1, **headers: str) -> Response:
        """One request of 2026-07-28."""
        params = dict(params or {})
        meta = {META + "protocolVersion": MODERN, META + "clientInfo": {"name": "c", "version": "1"}}
        params["_meta"] = {**meta, META + "clientCapabilities": {}, **params.get("_meta", {})}
        own = {"mcp_protocol_version": MODERN, "mcp_method": method}
        if "name" in params or "uri" in params:
            own["mcp_name"] = str(params.get("name", params.get("uri")))
        return await self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, **(own | headers))


@dataclass(slots=True, kw_only=True)
class Here:
    """A relay that serves."""

    port: int
    app: Relay
    hosting: Hosting
    server: uvicorn.Server

    def client(self, server: str = "t", **headers: str) -> Client:
        """A client without a session yet."""
        return Client(port=self.port, server=server, headers=headers)

    async def opened(self, server: str = "t", **headers: str) -> Client:
        """A client with a session."""
        made = self.client(server, **headers)
        answer = await made.open()
        assert "result" in answer, answer
        return made


@asynccontextmanager
async def serving(
    hosting: Hosting | None = None,
    door: Door | None = None,
    sessions: Callable[[Hosting], Sessions] | None = None,
    port: int = 0,
    tls: tuple[Path, Path] | None = None,
    **more: Any,
) -> AsyncIterator[Here]:
    """The relay before *hosting*: without one, ``t`` is private, ``s`` is stateless, and ``m`` speaks 2026-07-28 alone."""
    hosting = hosting or Hosting(
        commands={"t": trivial(), "s": trivial(), "m": trivial("--modern")}, stateless=frozenset(("s", "m"))
    )
    app = relay(hosting, door, sessions=sessions(hosting) if sessions is not None else None, **more)
    made = config(app)
    made.port = port
    if tls is not None:
        made.ssl_certfile, made.ssl_keyfile = map(str, tls)
    server = uvicorn.Server(made)
    task = asyncio.get_running_loop().create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
        if task.done():
            task.result()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Here(port=port, app=app, hosting=hosting, server=server)
    finally:
        leave()
        app.close()
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task
        hosting.close()
        for link, _ in list(hosting.links.values()):
            await until(lambda link=link: bool(link.ended))  # type: ignore[misc]  # bound now
        # Children of the simulator whose session ended are waited for, too: their transports are closed before the loop.
        children = [one for one in getattr(hosting, "pipes", ()) if isinstance(one, ChildPipe)]
        for pipe in children:
            await until(lambda pipe=pipe: pipe.over)  # type: ignore[misc]  # bound now


async def _left_at_the_end(loop: asyncio.AbstractEventLoop) -> None:
    """Let the *loop* abort what is open before it is closed: `asyncio.run` ends every generator, and turns once more."""

    async def ending() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            leave()

    if loop not in _ENDINGS:
        _ENDINGS[loop] = ending()
        await anext(_ENDINGS[loop])


def leave() -> None:
    """Abort every connection of this loop that a test left open."""
    while _OPEN:
        with suppress(RuntimeError):  # of another loop, which is closed
            _OPEN.pop().abort()


async def until(met: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """Wait until *met*. A test fails if it takes too long."""
    async with asyncio.timeout(seconds):
        while True:
            found = met()
            if found is True or (not isinstance(found, bool) and await found):
                return
            await asyncio.sleep(0.01)
