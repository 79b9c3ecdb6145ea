"""``arcops mcp``, ``web`` and ``server``: the doors that stay open."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket

from adapters.cli import surroundings
from adapters.cli.address import Address, bound_at
from adapters.cli.entering import enter
from adapters.http.access import Door
from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound
from adapters.http.metrics import Metrics
from adapters.http.quotas import connections_per_address
from adapters.http.serve import listen, reserved_port, serve
from adapters.http.stored import StoreWatch
from arcops.extras import lacks, refuse_without
from arcops.tier import Tier
from capabilities.place import Place
from foundation.only_one import only_one
from foundation.settings import Settings

_log = logging.getLogger(__name__)


def mcp(
    address: Address,
    key: str,
    tier: Tier | None,
    *,
    tools: Sequence[str] = (),
    allow: Sequence[str] = (),
    reload: bool = False,
) -> None:
    _alone(address, partial(_serve_mcp, address, key, tier, tuple(tools), tuple(allow)), reload=reload)


def web(address: Address, *, reload: bool = False) -> None:
    _alone(address, partial(_serve_web, address), reload=reload)


def server(address: Address, key: str, tier: Tier | None, *, worker: bool) -> None:
    """Everything: the pages, MCP, and Prefect with its own worker."""
    refuse_without(("prefect",))
    from adapters.http import prefect

    at = surroundings.serving_place(tier, key)
    home = Path(os.environ.get("ARCOPS_PREFECT_HOME") or at.settings.cache.parent / "prefect").absolute()
    with ExitStack() as held:
        # Two servers at one home would end each other's runs.
        notes = [held.enter_context(only_one(folder, "server")) for folder in (at.settings.cache.absolute(), home)]
        listening = held.enter_context(closing(listen(address.host, address.port)))
        port = held.enter_context(reserved_port())
        bound = bound_at(address, at, listening)
        for note in notes:
            note(bound.url)
        site = prefect.site(home, port, bound.url, os.environ)
        os.environ.setdefault("ARCOPS_PUBLIC_URL", bound.url)  # a run's page in Prefect links to the evidence here
        at_once = prefect.at_once(site) if worker else None
        part = prefect.part(site, {**os.environ, **_bounds(at.settings, os.environ)}, at_once=at_once)
        if worker:  # the tools give long work to it
            os.environ.update(prefect.client_environment(site, os.environ))
            at = replace(at, settings=replace(at.settings, prefect_api=site.api), at_once=at_once)
        makers: list[Maker] = [_mcp, lambda *_: part, _hosted, _joining, partial(_pages, engine=prefect.PATH), _telling]
        _serve(at, bound, listening, "everything", makers)


def _bounds(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The folders that the server's own worker may read and write for a run: those that the server may for a caller.

    Without an issuer of tokens, the caller has the secret of this start and so is this user, who may name every file.
    """
    roots = settings.roots or (() if environment.get("ARCOPS_OIDC_ISSUER") else (Path(os.sep),))
    output = {"ARCOPS_OUTPUT": str(settings.output)} if settings.output is not None else {}
    return {"ARCOPS_ROOTS": os.pathsep.join(map(str, roots)), **output}


Maker = Callable[[Place, Bound, Door], DoorPart]


def _alone(address: Address, work: Callable[[list[socket]], None], *, reload: bool) -> None:
    with closing(listen(address.host, address.port)) as listening:
        if reload:
            from adapters.http.reloading import serve_again

            serve_again(work, listening)
        else:
            work([listening])


# Functions of the module, because each of them can start in a process of its own.
def _serve_mcp(
    address: Address, key: str, tier: Tier | None, tools: Sequence[str], allow: Sequence[str], sockets: list[socket]
) -> None:
    at = surroundings.serving_place(tier, key)
    part = partial(_mcp, tools=tools, allow=allow)
    _serve(at, bound_at(address, at, sockets[0]), sockets[0], "MCP", [part])


def _serve_web(address: Address, sockets: list[socket]) -> None:
    at = surroundings.place()
    _serve(at, bound_at(address, at, sockets[0]), sockets[0], "the evidence pages", [_pages])


def _serve(at: Place, bound: Bound, listening: socket, what: str, makers: Sequence[Maker]) -> None:
    entered = enter(at, bound)
    at, door = entered.at, entered.door
    parts = [*entered.parts, *(make(at, bound, door) for make in makers)]
    watch = StoreWatch(at.settings.store, at.settings.memory)
    app = front(parts, bound, Metrics(watch, lambda inner: door.for_readers(inner, f"{bound.url}/mcp"), entered.limits.told))
    _log.info("%s at %s", what, bound.url)
    entered.say_how_to_open()
    serve(app, bound, listening, per_address=connections_per_address(os.environ))


def _mcp(at: Place, bound: Bound, door: Door, tools: Sequence[str] = (), allow: Sequence[str] = ()) -> DoorPart:
    from adapters.mcp.app import endpoint

    found = endpoint(at, resource=f"{bound.url}/mcp", door=door, listed=tools, allow=allow)
    return DoorPart(routes=found.routes, running=found.running, work=found.work)


def _hosted(at: Place, bound: Bound, door: Door) -> DoorPart:
    """The hosted servers, if what hosts them is installed."""
    if lacks("relay"):
        return DoorPart(routes=())
    from adapters.cli.hosting import hosted

    made = hosted(at, bound, door)
    return replace(made.part, routes=(*made.part.routes, *made.relay.routes()))


def _telling(at: Place, bound: Bound, door: Door) -> DoorPart:
    """Receivers are told about new artifacts."""
    from adapters.http.publishing import part

    return part(at)


def _joining(at: Place, bound: Bound, door: Door) -> DoorPart:
    """The pages for people with an invitation, if the operator said so; before those for readers."""
    from adapters.http.beginning import begun_at
    from adapters.http.joining import Joining

    keys = door.accepting.keys is not None
    begun = begun_at(bound, os.environ)
    joining = Joining(accounts=door.accounts, place=lambda: at, url=bound.url, keys=keys, begun=begun)
    return DoorPart(routes=joining.routes())


def _pages(at: Place, bound: Bound, door: Door, *, engine: str = "") -> DoorPart:
    from starlette.routing import Mount

    from adapters.http.acting import Acting
    from adapters.web.app import site

    acting = Acting(door=door, bound=bound, place=lambda: at).routes()
    pages = Mount("/", app=door.for_readers(site(lambda: at, engine=engine), f"{bound.url}/mcp", counted=True))
    return DoorPart(routes=[*acting, pages])
