"""The suite's everything server as a hosted one, behind the relay, whose front is what the suite talks to.

    python -m tests.conformance.hosted --port 8000      the relay, at /everything/mcp

Each session has a server of its own, which runs in this process: the messages are the lines that a child would read and write,
and a hundred children that import the SDK would take minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from adapters.relay.app import relay
from adapters.relay.serve import OneHost, config
from arcops.identity import Identity
from capabilities.work import Work
from services.host.eras import Era
from services.host.hosted import Row, Shown
from services.host.link import Link
from services.host.pipe import Lost
from tests.conformance.everything import everything
from tests.models import bench

_AT_ONCE = 8


class _Within:
    """The `Pipe` of a server in this process."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server

    def hear(self, heard: Callable[[bytes], None], lost: Callable[[Lost], None], ended: Callable[[str], None]) -> None:
        self._to, inner = anyio.create_memory_object_stream[SessionMessage | Exception](1000)
        outer, self._from = anyio.create_memory_object_stream[SessionMessage](1000)
        options = self._server.create_initialization_options()

        async def told() -> None:
            async for one in self._from:
                heard(one.message.model_dump_json(by_alias=True, exclude_unset=True).encode())

        async def served() -> None:
            try:
                await self._server.run(inner, outer, options)  # type: ignore[arg-type]  # streams of messages
            finally:
                ended("the server ended")

        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(told()), loop.create_task(served()))

    async def write(self, message: bytes) -> None:
        await self._to.send(SessionMessage(jsonrpc_message_adapter.validate_json(message, by_name=False)))

    def pause(self) -> None:
        """There is nothing to hold up."""

    def resume(self) -> None:
        """There is nothing to hold up."""

    def end(self, why: str) -> None:
        for task in self._tasks:
            task.cancel()


class _Hosted:
    def __init__(self, make: Callable[[], Server[Any]]) -> None:
        self._make = make
        self._links: dict[tuple[str, Era], tuple[Link, _Within]] = {}

    def row(self, name: str) -> Row | None:
        return Row(name=name) if name == "everything" else None

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        found = self._links.get((session, era))
        if found is None or found[0].ended:
            pipe = _Within(self._make())
            found = self._links[session, era] = (Link(pipe, name=name, private=True), pipe)
        return found[0]

    async def elsewhere(self, name: str) -> str:
        return ""

    def shown(self, name: str) -> Shown | None:
        return None

    def gone(self, name: str, session: str) -> None:
        found = self._links.pop((session, Era.LEGACY), None)
        if found is not None:
            found[1].end("its session ended")


async def _warm(server: Server[Any]) -> None:
    """Make the schemas once, in one thread: with Python 3.11.7, two threads that call ``ast.parse`` at once fail."""
    pipe = _Within(server)
    link = Link(pipe, name="everything", private=True)
    await link.open(Era.LEGACY)
    await link.call("tools/list", {})
    pipe.end("it is warm")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory() as folder:
        work = Work(long=_AT_ONCE)
        place = bench(Path(folder)).place()
        names = {f"{host}:{port}".encode() for host in ("127.0.0.1", "localhost", "[::1]")}
        asyncio.run(_warm(everything(place, work)))
        app = relay(_Hosted(lambda: everything(place, work)))
        served = config(OneHost(app=app, hosts=frozenset(names), origins=frozenset(b"http://" + one for one in names)))
        served.port = port
        uvicorn.Server(served).run()
        work.close()


if __name__ == "__main__":
    main()
