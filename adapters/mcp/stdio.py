"""The server on standard input and output, for a client that started it."""

from __future__ import annotations

import anyio
from mcp.server.stdio import stdio_server

from adapters.mcp.server import build
from capabilities.catalogue import offered
from capabilities.place import Place
from capabilities.work import Work


def serve(place: Place) -> None:
    """Serve until the client goes. Running work is then stopped, and seals what it has."""
    work = Work(long=place.settings.workers)
    try:
        anyio.run(_serve, place, work)
    finally:
        work.close()


async def _serve(place: Place, work: Work) -> None:
    server = build(offered(place, trusting=True), place, work)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
