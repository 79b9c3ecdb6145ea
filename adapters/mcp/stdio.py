"""The server on standard input and output, for a client that started it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from adapters.mcp.allowing import allowed, lacking, offers, refuse_unallowed
from adapters.mcp.server import build
from capabilities.catalogue import offered
from capabilities.contract import Scope
from capabilities.place import Place
from capabilities.work import Work


def serve(place: Place, *, allow: Sequence[str] = (), listed: Sequence[str] = ()) -> None:
    """Serve until the client goes. Running work is then stopped, and seals what it has.

    *allow* names the scopes that are allowed besides looking and checking; *listed* the toolsets that `tools/list` shows.
    Raises `Refused` for a name that means nothing.
    """
    scopes = allowed(allow)
    # The person who starts this process writes its command and its environment; what the command allows holds for it alone.
    place = replace(place, settings=replace(place.settings, remote_trust=Scope.TRUST in scopes))
    work = Work(long=place.settings.workers)
    tools = tuple(one for one in offered(place, trusting=True) if offers(one, scopes))
    try:
        server = build(
            tools,
            place,
            work,
            allow=lambda ctx, tool, ask: refuse_unallowed(tool, ask, scopes),
            listed=listed,
            withheld=lambda tool: lacking(tool, scopes),
        )
        anyio.run(_serve, server)
    finally:
        work.close()


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
