"""The relay as a part of the front: after all its own routes, and no server can have the name of one of them."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound
from adapters.relay.app import relay
from arcops.errors import Refused
from services.host.reserved import refuse_reserved
from tests.adapters.loopback import loopback
from tests.adapters.relay.talking import Client, leave
from tests.simulators.hosting import Hosting, trivial


def test_the_front_serves_hosted_servers_beside_its_own() -> None:
    async def own(_: object) -> PlainTextResponse:
        return PlainTextResponse("own")

    hosting = Hosting(commands={"t": trivial(), "mcp": trivial()})
    hosts = Bound(host="127.0.0.1", port=1, url="http://127.0.0.1:1", hosts=frozenset())
    app = relay(hosting)
    parts = [DoorPart(routes=[Route("/mcp", own), Route("/mcp/mcp", own)]), DoorPart(routes=app.routes())]

    async def through(scope, receive, send):  # type: ignore[no-untyped-def]
        inner = front(parts, Bound(host="127.0.0.1", port=1, url=hosts.url, hosts=frozenset((_host(scope),))))
        await inner(scope, receive, send)

    with loopback(through) as port:

        async def run() -> None:
            client = Client(port=port)
            await client.open()
            assert await client.text("echo", {"text": "hi"}) == "hi"
            messages = await (await client.begin("slow_progress", {}, token=1)).messages()
            assert len(messages) == 4
            leave()

        asyncio.run(run())
        asyncio.run(_closed(hosting))


async def _closed(hosting: Hosting) -> None:
    hosting.close()


def _host(scope) -> str:  # type: ignore[no-untyped-def]
    return str(next(value.decode() for name, value in scope["headers"] if name == b"host"))


@pytest.mark.parametrize("module", ["adapters.web.app", "adapters.http.prefect", "adapters.mcp.app", "adapters.admission.app"])
def test_no_server_has_the_name_of_a_part_of_the_front(module: str) -> None:
    """Every first part of a path that is written in the source of the front's doors."""
    import importlib
    import inspect
    import re

    source = inspect.getsource(importlib.import_module(module))
    firsts = set(re.findall(r'["\']/([a-z][a-z-]*)', source))
    for first in firsts:
        with pytest.raises(Refused):
            refuse_reserved(first)
