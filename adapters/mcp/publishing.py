"""Telling clients that something new was kept: all who listen, in both eras of the protocol.

Revision 2026-07-28 has streams for that ("subscriptions/listen"), which the SDK serves. In revision 2025-11-25 a client
subscribes to resources in its session ("resources/subscribe"), and is told in the session's own stream. A notification says
only that something changed. What changed is read from the log, from the position on that the client keeps, so a client that was
away misses nothing (`capabilities.artifact.feed`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import mcp_types as types
from anyio.abc import TaskGroup, TaskStatus
from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourcesListChanged, ResourceUpdated
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from adapters.http.quotas import Shares
from adapters.mcp.resources import ABOUT, NEWEST, SCHEME
from arcops.errors import ArcOpsError
from artifacts.store import Places
from flows.publish.feed import Feed

Context = ServerRequestContext[Any, Any]

LOOK_SECONDS = 0.2
"""How often the log is looked at."""
MOST_LISTENING = 10_000
MOST_URIS = 1000
"""That one session is subscribed to."""
_PATIENCE_SECONDS = 10.0
"""How long a client may take to be told; then it is told nothing more until it asks again."""
_MOST_URI = 500
_log = logging.getLogger(__name__)


class PublishingServer(Server[Any]):
    """A server that says from the beginning that its list of resources changes."""

    def create_initialization_options(self, notification_options: Any = None, *words: Any, **more: Any) -> Any:
        told = notification_options or NotificationOptions(resources_changed=True)
        return super().create_initialization_options(told, *words, **more)


@dataclass(slots=True, kw_only=True)
class _Session:
    """A client of 2025-11-25: the resources that it is subscribed to, and what it was not told yet, each once, in order."""

    uris: set[str] = field(default_factory=set)
    waiting: dict[str, None] = field(default_factory=dict)
    listed: bool = False
    woken: anyio.Event = field(default_factory=anyio.Event)

    def wake(self, uris: Iterable[str]) -> None:
        self.listed = True
        self.waiting.update((uri, None) for uri in uris if uri in self.uris)
        self.woken.set()


class Publishing:
    """Tells the clients of one server what is new in the store at *places*. One caller has at most *most_each* streams."""

    def __init__(self, places: Places, *, owner: Callable[[Context], str], most_each: int) -> None:
        self._places = places
        self._owner = owner
        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus, max_subscriptions=MOST_LISTENING)
        self._held = Shares(most_each, "streams of notifications")
        self._sessions: dict[Connection, _Session] = {}
        self._group: TaskGroup | None = None

    def serve(self, server: Server[Any]) -> None:
        """Answer the requests that subscribe."""
        server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, self._listening)
        server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, self._subscribe)
        server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, self._unsubscribe)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside this, the log is watched: whatever is kept from its beginning on is told."""
        async with anyio.create_task_group() as group:
            self._group = group
            await group.start(self._watch)
            try:
                yield
            finally:
                self._listen.close()
                self._group = None
                group.cancel_scope.cancel()

    def looked(self, ctx: Context) -> None:
        """The client looked at the list of resources: one of 2025-11-25 is told from now on when that changes."""
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            self._session(ctx)

    async def tell(self, digests: Iterable[str]) -> None:
        """Something was kept that is about the subjects with *digests*."""
        uris = (NEWEST, *(f"{ABOUT}{digest}" for digest in dict.fromkeys(digests)))
        for session in tuple(self._sessions.values()):
            session.wake(uris)
        await self._bus.publish(ResourcesListChanged())
        for uri in uris:
            await self._bus.publish(ResourceUpdated(uri=uri))

    async def _watch(self, *, task_status: TaskStatus[None]) -> None:
        feed = Feed(self._places)
        position: int | None = None
        said, looked = "", False
        try:
            while True:
                try:
                    position, digests = await anyio.to_thread.run_sync(_new, feed, position)
                    said = ""
                except ArcOpsError as error:
                    digests = None
                    if str(error) != said:  # once, and not five times a second
                        said = str(error)
                        _log.warning("new artifacts cannot be told: %s", error)
                if digests is not None:
                    await self.tell(digests)
                if not looked:
                    looked = True
                    task_status.started()
                await anyio.sleep(LOOK_SECONDS)
        finally:
            feed.close()

    async def _listening(self, ctx: Context, params: types.SubscriptionsListenRequestParams) -> Any:
        _refuse_long(params.notifications.resource_subscriptions or ())
        who = self._owner(ctx)
        try:
            self._held.take(who)
        except ArcOpsError as error:
            raise MCPError(types.INVALID_REQUEST, str(error)) from error
        try:
            return await self._listen(ctx, params)
        finally:
            self._held.give(who)

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        uri, session = str(params.uri), self._session(ctx)
        _refuse_long((*session.uris, uri))
        session.uris.add(uri)
        return types.EmptyResult()

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        uri, session = str(params.uri), self._session(ctx)
        session.uris.discard(uri)
        session.waiting.pop(uri, None)
        return types.EmptyResult()

    def _session(self, ctx: Context) -> _Session:
        connection = ctx.session._connection  # the SDK gives no other name for the client's own stream
        if connection not in self._sessions and self._group is not None:
            self._sessions[connection] = _Session()
            connection.exit_stack.callback(self._sessions.pop, connection, None)
            self._group.start_soon(self._follow, connection, self._sessions[connection])
        return self._sessions.get(connection) or _Session()

    async def _follow(self, connection: Connection, session: _Session) -> None:
        """Tell one client, at its own pace: it holds up no other."""
        while self._sessions.get(connection) is session:
            await session.woken.wait()
            session.woken = anyio.Event()
            listed, uris = session.listed, tuple(session.waiting)
            session.listed, session.waiting = False, {}
            with anyio.move_on_after(_PATIENCE_SECONDS) as patience:
                if listed:
                    await connection.notify("notifications/resources/list_changed", None)
                for uri in uris:
                    await connection.notify("notifications/resources/updated", {"uri": uri})
            if patience.cancelled_caught:
                self._sessions.pop(connection, None)


def _new(feed: Feed, position: int | None) -> tuple[int, tuple[str, ...] | None]:
    """The position after all that the log has, and what the entries since *position* are about; ``None`` for no entry.

    What was there at the start is not told: who begins to listen reads it.
    """
    if position is None:
        return feed.size(), None
    if not feed.grew():
        return position, None
    size = feed.size()
    position = min(position, size)  # the log was replaced; what is new is read from its beginning by who reads
    digests: list[str] = []
    found = False
    while position < size:
        entries, position = feed.after(position)
        digests += [about.digest for logged in entries for about in logged.entry.subjects]
        found = found or bool(entries)
    return position, tuple(digests) if found else None


def _refuse_long(uris: Iterable[str]) -> None:
    found = tuple(uris)
    if len(found) > MOST_URIS:
        raise MCPError(types.INVALID_PARAMS, f"{len(found)} resources are too many to subscribe to; at most {MOST_URIS}")
    for uri in found:
        if len(uri) > _MOST_URI or not uri.startswith(SCHEME):
            raise MCPError(types.INVALID_PARAMS, f"{uri[:100]!r} is no resource here; 'resources/templates/list' lists them")
