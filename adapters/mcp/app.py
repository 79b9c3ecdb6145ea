"""The server over streamable HTTP: one endpoint for both eras, behind the `Guard`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.routing import BaseRoute, Route

from adapters.mcp.access import CALLER, Guard, metadata, needed_by_call
from adapters.mcp.server import build
from adapters.mcp.work import Work
from adapters.tools.contract import Place, all_tools
from foundation.tokens import Tokens

PATH = "/mcp"
MOST_BODY = 4 * 1024 * 1024
MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``routes`` for the front, and what must run while they are served."""

    routes: list[BaseRoute]
    running: AbstractAsyncContextManager[None]
    work: Work


def endpoint(place: Place, *, tokens: Tokens | None, resource: str) -> Endpoint:
    """The MCP endpoint at *place*. *resource* is the URL that clients know it by.

    The front has checked Host and Origin before; the SDK's own check of them would need every name twice.
    """
    work = Work(long=place.settings.workers)
    server = build(all_tools(), place, work, owner=_owner, hide=True)
    manager = StreamableHTTPSessionManager(app=server, max_request_body_size=MOST_BODY, max_sessions=MOST_SESSIONS)
    guard = Guard(app=StreamableHTTPASGIApp(manager), tokens=tokens, resource=resource, needs=needed_by_call, limit=MOST_BODY)
    routes: list[BaseRoute] = [Route(PATH, endpoint=guard, methods=["GET", "POST", "DELETE"])]
    if tokens is not None:
        routes += metadata(tokens, resource)
    return Endpoint(routes=routes, running=_running(manager, work), work=work)


@asynccontextmanager
async def _running(manager: StreamableHTTPSessionManager, work: Work) -> AsyncIterator[None]:
    import anyio

    async with manager.run():
        try:
            yield
        finally:
            # What is at work seals what it has; that takes a moment, and must not hold up the loop meanwhile.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(work.close)


def _owner(ctx: ServerRequestContext[Any, Any]) -> str:
    """Who calls, so that nobody else sees his tasks."""
    request: Any = ctx.request
    return str(request.scope[CALLER].name) if request is not None and CALLER in request.scope else ""
