"""``arcops host serve``: the relay with the servers that are hosted here, at an address of its own or as a part of a front."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.cli import surroundings
from adapters.cli.address import address, bound_at
from adapters.cli.entering import Entered, enter
from adapters.cli.listening import Listening
from adapters.http.access import Door
from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound
from adapters.http.metrics import Metrics
from adapters.http.serve import listen
from adapters.http.stored import StoreWatch
from arcops.extras import refuse_without
from arcops.tier import Tier
from capabilities.place import Place

if TYPE_CHECKING:
    from adapters.relay.app import Relay

_log = logging.getLogger(__name__)


def host(own: Listening, tier: Tier | None) -> None:
    """Serve the hosted servers until a signal ends it."""
    refuse_without(("server", "relay"))
    at = surroundings.place(tier)
    with closing(listen(own.host, own.port)) as listening:
        bound = bound_at(address(own), at, listening)
        entered = enter(at, bound, files=False)
        made = hosted(entered.at, bound, entered.door)
        _log.info("hosted MCP servers, each at /NAME/mcp, at %s", bound.url)
        serve_hosted(made, bound, listening, entered, at)


def serve_hosted(made: Hosted, bound: Bound, listening: Any, entered: Entered, at: Place) -> None:
    """Serve what was *made* at *bound*, with its probes and metrics beside it, until a signal ends it."""
    from adapters.relay.serve import serve

    watch = StoreWatch(at.settings.store, at.settings.memory)
    guard = partial(entered.door.for_readers, resource=f"{bound.url}/mcp")
    beside = front([*entered.parts, made.part], bound, Metrics(watch, guard, entered.limits.told))
    entered.say_how_to_open()
    serve(made.relay, bound, listening, app=_Fork(relay=made.relay, beside=beside))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fork:
    """The servers' paths go to the ``relay`` by the shortest way; probes, metrics and the way in are ``beside`` it."""

    relay: Relay
    beside: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = scope["type"] == "http" and self.relay.serves(scope["path"])
        await (self.relay if here else self.beside)(scope, receive, send)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """What was made: the relay, and the part of a front that runs its servers; its routes are those of the catalog."""

    relay: Relay
    part: DoorPart


def hosted(at: Place, bound: Bound, door: Door) -> Hosted:
    """The relay of the servers that the database at *at* names. Nothing is open and nothing runs yet."""
    from adapters.http import registry
    from adapters.relay.app import relay
    from adapters.relay.forwarding import Forwarding
    from capabilities.server.running import hosting_here
    from services.host.peers import peers_of

    peers = peers_of(at.settings, bound.url, os.environ)
    made = hosting_here(at, os.environ, peers)
    if door.limits is not None:
        door.limits.ledger = made.ledger
    forwarding = None
    if peers is not None:
        forwarding = Forwarding(peers=peers, tier=at.settings.tier, authorities=made.authorities)
    app = relay(made.hosting, door, origin=bound.url, forwarding=forwarding, meter=made.meter, offers=made.hosting.offers)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        try:
            async with made.hosting.running():
                yield
        finally:
            app.close()
            if forwarding is not None:
                await forwarding.close()
            made.close()

    probes = {"hosting": made.healthy, "costs": made.meter.healthy}
    part = DoorPart(
        routes=registry.routes(at, bound.url, door),
        running=running(),
        probes=probes,
        hosted=made.hosting.all_shown,
    )
    return Hosted(relay=app, part=part)
