"""``arcops mcp``, ``web`` and ``server``: the doors that stay open."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from socket import socket

from adapters.cli import surroundings
from adapters.cli.listening import Listening
from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound, bind
from adapters.http.limiting import limits_of
from adapters.http.login import people
from adapters.http.metrics import Metrics
from adapters.http.opening import UserOpening, opening
from adapters.http.quotas import ALONE, Quotas, Shares, connections_per_address, read_quotas
from adapters.http.serve import listen, reserved_port, serve
from adapters.http.stored import StoreWatch
from arcops.extras import refuse_without
from arcops.tier import Tier
from capabilities.access.known import authorization
from capabilities.place import Place
from foundation.audit.audit import Audit
from foundation.egress.remotes import HERE
from foundation.identity.accepting import read_accepting
from foundation.identity.revoked import StoredRevocations
from foundation.identity.stored import StoredKeys
from foundation.limits.deciding import Deciding
from foundation.only_one import only_one
from foundation.settings import Settings, is_loopback
from foundation.telemetry import logs, traces
from foundation.tokens import fetched

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The options of the command line for the address."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    behind_proxy: bool


def address(own: Listening) -> Address:
    """The address from the options *own*."""
    return Address(
        host=own.host,
        port=own.port,
        certificate=own.certificate,
        key=own.certificate_key,
        behind_proxy=own.behind_proxy,
    )


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
        bound = _bound(address, at, listening)
        for note in notes:
            note(bound.url)
        site = prefect.site(home, port, bound.url, os.environ)
        os.environ.setdefault("ARCOPS_PUBLIC_URL", bound.url)  # a run's page in Prefect links to the evidence here
        at_once = prefect.at_once(site) if worker else None
        part = prefect.part(site, {**os.environ, **_bounds(at.settings, os.environ)}, at_once=at_once)
        if worker:  # the tools give long work to it
            os.environ.update(prefect.client_environment(site))
            at = replace(at, settings=replace(at.settings, prefect_api=site.api), at_once=at_once)
        _serve(at, bound, listening, "everything", [_mcp, lambda *_: part, partial(_pages, engine=prefect.PATH)])


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
    _serve(at, _bound(address, at, sockets[0]), sockets[0], "MCP", [part])


def _serve_web(address: Address, sockets: list[socket]) -> None:
    at = surroundings.place()
    _serve(at, _bound(address, at, sockets[0]), sockets[0], "the evidence pages", [_pages])


def _bound(address: Address, at: Place, listening: socket) -> Bound:
    return bind(
        address.host,
        listening.getsockname()[1],
        at.settings,
        certificate=address.certificate,
        key=address.key,
        behind_proxy=address.behind_proxy,
    )


def _serve(at: Place, bound: Bound, listening: socket, what: str, makers: Sequence[Maker]) -> None:
    logs.begin(os.environ)
    traces.begin(os.environ, at.settings.tier)
    accepting = read_accepting(os.environ, at.settings.tier, f"{bound.url}/mcp", now=time.time, fetch=fetched)
    by_user = not accepting.tokens and is_loopback(bound.host)
    accepting.revoked = StoredRevocations(settings=at.settings)
    # Without an issuer, callers at loopback are this user, who may name every file; the holder of a key may not.
    if not by_user or at.settings.roots:
        accepting.keys = StoredKeys(settings=at.settings)
    if not accepting.tokens and not by_user:
        _log.warning("no ARCOPS_OIDC_ISSUER is set, so other machines are let in to %s only by API keys", bound.host)
    way_in = opening(bound, at.settings.cache, os.environ) if by_user else None
    quotas = read_quotas(os.environ, ALONE if by_user else Quotas())
    issuers = tuple(one.issuer for one in accepting.tokens)
    persons = people(at.settings, issuers, bound, os.environ, now=time.time, fetch=fetched)  # refuses before anything is open
    limits = limits_of(at.settings, alone=by_user and accepting.keys is None)
    audit = Audit.open(at.settings)
    accounts = Accounts(audit=audit, tier=at.settings.tier)
    if persons is not None:
        persons.accounts, persons.revoked = accounts, accepting.revoked
    door = Door(
        accepting=accepting,
        authorization=authorization(at.settings),
        accounts=accounts,
        opening=way_in,
        people=persons,
        quotas=quotas,
        requests=Shares(quotas.requests, "requests in progress"),
        limits=limits,
    )
    # A caller with the secret of this start is this user; a caller with a token or a key sees what the operator serves.
    at = replace(at, own=False, roots=at.settings.roots or (None if by_user else ()))
    recorded = DoorPart(routes=(), running=_recorded(audit), probes={"audit": audit.healthy})
    notes = {"limits": lambda: limits.told.lost, "remotes": HERE.said}
    limited = DoorPart(routes=(), running=_limited(limits), probes={"limits": limits.file.healthy}, notes=notes)
    parts = [DoorPart(routes=(), running=_traced()), recorded, limited, *(make(at, bound, door) for make in makers)]
    if way_in is not None:
        parts.insert(1, DoorPart(routes=way_in.routes(), running=way_in.running()))
    if persons is not None:
        parts.insert(1, DoorPart(routes=persons.routes()))
    watch = StoreWatch(at.settings.store, at.settings.memory)
    app = front(parts, bound, Metrics(watch, lambda inner: door.for_readers(inner, f"{bound.url}/mcp"), limits.told))
    _log.info("%s at %s", what, bound.url)
    if way_in is not None:
        _say_how_to_open(way_in)
    serve(app, bound, listening, per_address=connections_per_address(os.environ))


def _say_how_to_open(way_in: UserOpening) -> None:
    """Tell the folder of the secret. Show the link itself only to a person at a terminal, because logs are copied elsewhere."""
    place = way_in.put()
    _log.info("only for this user: %s has the secret, and a link for the browser", place)
    if sys.stderr.isatty():
        print(f"arcops: open {way_in.link}", file=sys.stderr, flush=True)


def _mcp(at: Place, bound: Bound, door: Door, tools: Sequence[str] = (), allow: Sequence[str] = ()) -> DoorPart:
    from adapters.mcp.app import endpoint

    found = endpoint(at, resource=f"{bound.url}/mcp", door=door, listed=tools, allow=allow)
    return DoorPart(routes=found.routes, running=found.running, work=found.work)


def _pages(at: Place, bound: Bound, door: Door, *, engine: str = "") -> DoorPart:
    from starlette.routing import Mount

    from adapters.web.app import site

    return DoorPart(routes=[Mount("/", app=door.for_readers(site(lambda: at, engine=engine), f"{bound.url}/mcp"))])


@asynccontextmanager
async def _traced() -> AsyncIterator[None]:
    """Send the last spans before a signal ends the process; later there is no chance to send them."""
    try:
        yield
    finally:
        await asyncio.to_thread(traces.flush)


@asynccontextmanager
async def _limited(limits: Deciding) -> AsyncIterator[None]:
    """Close the shared counts when the process ends."""
    try:
        yield
    finally:
        await asyncio.to_thread(limits.close)


@asynccontextmanager
async def _recorded(audit: Audit) -> AsyncIterator[None]:
    """Write the last records of the audit log before the process ends."""
    try:
        yield
    finally:
        await asyncio.to_thread(audit.close)
