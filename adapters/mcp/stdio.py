"""The server on standard input and output, for a client that started it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from adapters.http.accounts import Account, Accounts
from adapters.mcp.allowing import allowed, lacking, offers, refuse_unallowed
from adapters.mcp.first_answer import FirstAnswer
from adapters.mcp.server import build
from artifacts.wire import name_on_the_wire
from capabilities.catalogue import offered
from capabilities.contract import Scope, Tool
from capabilities.place import Place
from capabilities.work import Work
from foundation.audit.audit import Audit
from foundation.audit.local import this_user
from foundation.settings import Settings


def serve(place: Place, *, allow: Sequence[str] = (), listed: Sequence[str] = (), first: FirstAnswer | None = None) -> None:
    """Serve until the client goes. Running work is then stopped, and seals what it has.

    *allow* names the scopes that are allowed besides looking and checking; *listed* the toolsets that `tools/list` shows.
    *first* answers the first requests meanwhile.
    Raises `Refused` for a name that means nothing.
    """
    scopes = allowed(allow)
    # The person who starts this process writes its command and its environment; what the command allows holds for it alone.
    place = replace(place, settings=replace(place.settings, remote_trust=Scope.TRUST in scopes))
    work, accounts = Work(long=place.settings.workers), _Late(place.settings)
    tools = tuple(one for one in offered(place, trusting=True) if offers(one, scopes))
    try:
        server = build(
            tools,
            place,
            work,
            allow=lambda ctx, tool, ask: refuse_unallowed(tool, ask, scopes),
            account=accounts.begin,
            listed=listed,
            withheld=lambda tool: lacking(tool, scopes),
        )
        anyio.run(_serve, server, first)
    finally:
        work.close()
        accounts.close()


class _Late:
    """The records of calls, in a log that is opened by the first call that does more than read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._accounts: Accounts | None = None

    def begin(self, ctx: object, tool: Tool[Any, Any], arguments: object) -> Account | None:
        """The account of a call. Raises `Unavailable` if it cannot be recorded: then it must not be done."""
        if tool.reads_only:
            return None
        if self._accounts is None:
            audit = Audit.open(self._settings, soon="stdio")
            self._accounts = Accounts(audit=audit, tier=self._settings.tier, door="stdio")
        known = frozenset(name_on_the_wire(field.name) for field in fields(tool.ask))
        return self._accounts.begin({}, this_user(), tool=tool.name, arguments=arguments, known=known)

    def close(self) -> None:
        """Write what was told."""
        if self._accounts is not None:
            self._accounts.audit.close()


async def _serve(server: Server[Any], first: FirstAnswer | None) -> None:
    async with stdio_server() as (read, write):
        output: Any = write if first is None else _Dropping(write, first)
        await server.run(read, output, server.create_initialization_options())


class _Dropping:
    """The stream *write* without the answers that *first* has given."""

    def __init__(self, write: Any, first: FirstAnswer) -> None:
        self._write = write
        self._first = first

    async def send(self, item: SessionMessage) -> None:
        message = item.message
        if isinstance(message, types.JSONRPCResponse) and self._first.drops(message.id, message.result):
            return
        await self._write.send(item)

    async def aclose(self) -> None:
        await self._write.aclose()

    async def __aenter__(self) -> _Dropping:
        await self._write.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._write.__aexit__(*raised)
