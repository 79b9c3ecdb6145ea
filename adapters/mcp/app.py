"""The server over streamable HTTP: one endpoint for both eras, behind the `Guard`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.access import CALLER, IDENTITY, Door, Guard, metadata
from adapters.http.accounts import Account
from adapters.mcp.allowing import allowed, lacking, offers, refuse_unallowed
from adapters.mcp.kept_sessions import KeptSessions, kept_sessions
from adapters.mcp.limited import Limited
from adapters.mcp.needs import asked_by, identity, permit
from adapters.mcp.resources import SCHEME
from adapters.mcp.server import build
from adapters.mcp.sessions import EventSessions
from adapters.mcp.shared_tasks import SharedTasks
from adapters.mcp.versions import Versions
from arcops.identity import Identity
from artifacts.wire import name_on_the_wire
from capabilities.catalogue import offered
from capabilities.contract import Scope as Permission
from capabilities.contract import Tool, not_for_remote
from capabilities.place import Place
from capabilities.work import Work
from foundation.authorization.naming import caller_name
from foundation.database.address import SqliteFile, read_address
from foundation.database.tasks import TaskRows
from foundation.settings import Settings
from foundation.tokens import Caller

PATH = "/mcp"
MOST_BODY = 4 * 1024 * 1024
MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class McpEndpoint:
    """``routes`` for the front, and what must run while they are served."""

    routes: list[BaseRoute]
    running: AbstractAsyncContextManager[None]
    work: Work


def endpoint(place: Place, *, resource: str, door: Door, listed: Sequence[str] = (), allow: Sequence[str] = ()) -> McpEndpoint:
    """The MCP endpoint at *place*, for callers that *door* lets in. *resource* is its URL for clients.

    *listed* names the toolsets that a client is shown which names none. *allow* narrows what callers may do to looking,
    checking and these scopes; without it, each caller may do what the token (or being this user) allows.
    Raises `Refused` for a name that means nothing.
    """
    scopes = allowed(allow) if allow else frozenset(Permission)
    work = Work(long=place.settings.workers)
    # Without tokens the caller is not known, so no caller is offered what changes whose signatures count here.
    tools = tuple(one for one in offered(place, trusting=bool(door.accepting.tokens)) if offers(one, scopes))

    def may(ctx: ServerRequestContext[Any, Any], tool: Tool[Any, Any], ask: Any) -> None:
        permit(ctx, tool, ask, door.authorization)
        refuse_unallowed(tool, ask, scopes)

    def withheld(tool: Tool[Any, Any]) -> str:
        return lacking(tool, scopes) if not offers(tool, scopes) else not_for_remote(tool.name)

    shared = shared_tasks(place.settings)
    known = {one.name: frozenset(name_on_the_wire(field.name) for field in fields(one.ask)) for one in tools}

    def account(ctx: ServerRequestContext[Any, Any], tool: Tool[Any, Any], arguments: object) -> Account | None:
        if door.accounts is None:
            return None
        scope = ctx.request.scope if ctx.request is not None else {}
        return door.accounts.begin(scope, identity(ctx), tool=tool.name, arguments=arguments, known=known[tool.name])

    def reading(ctx: ServerRequestContext[Any, Any], what: str) -> AbstractContextManager[None]:
        if door.accounts is None:
            return nullcontext()
        scope = ctx.request.scope if ctx.request is not None else {}
        named = {"tool": what} if ctx.method == "tools/call" else {"object": what.removeprefix(SCHEME)}
        return door.accounts.doing(scope, identity(ctx), action=ctx.method, door="mcp", **named)

    server = build(
        tools,
        place,
        work,
        allow=may,
        account=account,
        reading=reading,
        listed=listed,
        withheld=withheld,
        owner=owner,
        hide=True,
        quotas=door.quotas,
        shared=shared,
    )
    kept = kept_sessions(place.settings, door.quotas.sessions)
    return over_http(server, work, resource=resource, door=door, shared=shared, kept=kept)


def shared_tasks(settings: Settings) -> SharedTasks | None:
    """The tasks of all instances, if they share a database: a PostgreSQL server."""
    if isinstance(read_address(settings.database), SqliteFile):
        return None
    from foundation.database.opening import opened

    return SharedTasks(lambda: TaskRows(opened(settings)))


def over_http(
    server: Server[Any],
    work: Work,
    *,
    resource: str,
    door: Door,
    retry_ms: int | None = None,
    shared: SharedTasks | None = None,
    kept: KeptSessions | None = None,
) -> McpEndpoint:
    """The endpoint that serves *server*, whose tools run in *work*. With *kept*, its sessions count at every instance.

    A client of 2025-11-25 whose stream broke asks for what it missed, after ``retry_ms``. The front has checked Host and Origin
    before; the SDK's own check of them would need every name twice.
    """
    manager = EventSessions(
        app=server,
        retry_interval=retry_ms,
        max_request_body_size=MOST_BODY,
        max_sessions=MOST_SESSIONS,
        most_each=door.quotas.sessions,
        kept=kept,
    )
    app: ASGIApp = Versions(app=_Owned(app=StreamableHTTPASGIApp(manager)))
    if door.limits is not None:
        app = Limited(app=app, door=door, limits=door.limits)
    guard = Guard(
        app=app,
        door=door,
        resource=resource,
        asks=partial(asked_by, authorization=door.authorization),
        limit=MOST_BODY,
    )
    routes: list[BaseRoute] = [Route(PATH, endpoint=guard, methods=["GET", "POST", "DELETE"])]
    if door.accepting.tokens:
        routes += metadata(door.accepting, resource)
    return McpEndpoint(routes=routes, running=_running(manager, work, (shared, kept)), work=work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owned:
    """Tells the SDK who calls, so that a session of 2025-11-25 answers only to the caller who opened it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller | None = scope.get(CALLER)
        who: Identity | None = scope.get(IDENTITY)
        if caller is not None and caller.id and who is not None:
            scope["user"] = _user(who)
        await self.app(scope, receive, send)


@lru_cache(maxsize=4096)
def _user(who: Identity) -> AuthenticatedUser:
    """*who* for the SDK, without the token itself."""
    return AuthenticatedUser(AccessToken(token="", client_id=caller_name(who), scopes=sorted(who.scopes)))


@asynccontextmanager
async def _running(
    manager: EventSessions, work: Work, shared: Sequence[SharedTasks | KeptSessions | None]
) -> AsyncIterator[None]:
    import anyio

    async with manager.run():
        try:
            yield
        finally:
            # Running work seals what it has; that takes a moment, and must not block the loop meanwhile.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(work.close)
                for one in shared:
                    if one is not None:
                        await anyio.to_thread.run_sync(one.close)


def owner(ctx: ServerRequestContext[Any, Any]) -> str:
    """Who calls, so that no other caller sees their tasks."""
    found = identity(ctx)
    return caller_name(found) if found is not None else ""
