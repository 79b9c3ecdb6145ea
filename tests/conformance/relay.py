"""The official suite knows no secret of a server's: a relay on loopback that adds it, and changes nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2
from starlette.types import Receive, Scope, Send

from tests.adapters.loopback import loopback
from tests.adapters.serving import Served

_NOT_ON = frozenset(b"connection transfer-encoding content-length keep-alive".split())


class _Relay:
    def __init__(self, server: Served) -> None:
        self._server = server
        self.here = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        there = urlsplit(self._server.url).netloc.encode()
        own = [(b"authorization", self._server.secret["authorization"].encode())]
        # Its own address stands for the server's; another name stays as it is, because the suite checks that.
        kept = [(name, value.replace(self.here, there)) for name, value in scope["headers"] if name not in _NOT_ON]
        url = f"{self._server.url}{scope['raw_path'].decode()}"
        async with (
            httpx2.AsyncClient(timeout=None, trust_env=False) as client,
            client.stream(scope["method"], url, headers=kept + own, content=await _whole(receive)) as answer,
        ):
            shown = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _NOT_ON]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": shown})
            parts: AsyncIterator[bytes] = answer.aiter_raw()
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


@contextmanager
def relayed(server: Served) -> Iterator[str]:
    """The URL of MCP at *server* for who knows no secret, until the block ends."""
    relay = _Relay(server)
    with loopback(relay) as port:
        relay.here = f"127.0.0.1:{port}".encode()
        yield f"http://127.0.0.1:{port}/mcp"
