"""The collector: finds out which server it is and which models it lists, then runs the load and watches the memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from arcops.collector import Bounds, collector
from arcops.endpoint import Endpoint, Load
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.secret import Secret
from arcops.seen.inference import Credential, Fault, Inference, Listing, LoadRun
from arcops.seen.inference_server import Flavour, Probe, Served, Server, When
from arcops.seen.inference_tools import ToolTrial
from arcops.seen.tree import Tree
from arcops.tier import Tier
from artifacts.reading import read_file
from foundation.secrets import newest
from foundation.secrets.places import held
from foundation.settings import is_loopback
from tasks.inference.asking import EndpointDoor, door, refuse_beyond
from tasks.inference.loading import bear
from tasks.inference.processes import listeners
from tasks.inference.recognising import KnownServer, health, recognised
from tasks.inference.reloading import as_listed, can_load, reloaded
from tasks.inference.rooms import MemoryWatch
from tasks.inference.tokens import refuse_ended
from tasks.inference.tool_calls import embeds, offers, tried

ENDPOINT = "inference-endpoint"
"""The kind of subject that this collector looks at."""

T = TypeVar("T")

_SECONDS_TO_ASK = 10.0
_MOST_AUTHORITIES = 4 * 1024 * 1024
_TICK = 0.25


def bounds(request: Request) -> Bounds:
    """The port of the endpoint, the file of its authorities, and this machine's memory if the endpoint runs here.

    Its key is looked up `before` and handed over, so the variable, the file or the place that has it stays closed.
    """
    endpoint = request.endpoint
    if endpoint is None:
        return Bounds()
    host, port = _address(endpoint)
    here = is_loopback(host)
    return Bounds(
        files=(Path(endpoint.authorities).absolute(),) if endpoint.authorities else (),
        ports=(port,),
        names=not here and not _is_address(host),
        devices=here,
        processes=here,
    )


def before(request: Request) -> Request:
    """*request* with the endpoint's key, and the processes that listen there, if it is on this machine.

    Raises `Refused` or `Unavailable` if the key cannot be had. Its place is asked even if the key is kept, because a check is
    rare, and a key that was replaced would look like a fault of the endpoint.
    """
    endpoint = request.endpoint
    if endpoint is None:
        return request
    if endpoint.key or endpoint.token:
        refuse_beyond(endpoint.load.url, request.tier)  # else a secret would be fetched for nothing
        endpoint = replace(endpoint, secret=_looked_up(endpoint, request.tier))
    if is_loopback(_address(endpoint)[0]):
        endpoint = replace(endpoint, served_by=listeners(_address(endpoint)[1]))
    return replace(request, endpoint=endpoint)


def _looked_up(endpoint: Endpoint, tier: Tier) -> Secret:
    what = "access token" if endpoint.token else "API key"
    return Secret(newest(os.environ, endpoint.token or endpoint.key, what, tier=tier))


def _address(endpoint: Endpoint) -> tuple[str, int]:
    parts = urlsplit(endpoint.load.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# It runs in its own process: the lookup of a host's name can hang and has no deadline, and other load in the process would be
# measured as if it were the endpoint's. It runs after the model's files were read, so that reading them is not measured, too.
# So, if a policy asks about both, the files name the subject.
@collector(
    "inference",
    Inference,
    version="4",
    wants=(Tree,),
    deadline=timedelta(minutes=22),
    isolated=True,
    follows=True,
    bounds=bounds,
    before=before,
)
def inference(request: Request, seen: Seen) -> Sighting[Inference]:
    """Raises `Refused` if the request names no endpoint, or one that the tier does not reach."""
    endpoint = request.endpoint
    if endpoint is None:
        raise Refused(f"a {request.kind} is not an inference endpoint; check an endpoint with 'arcops inference check URL'")
    secret, credential = _secret(endpoint, request)
    authorities = b""
    if endpoint.authorities:
        # A remote caller never names this file: it belongs to the operator or to this person, so its folder is not restricted.
        path = Path(endpoint.authorities)
        authorities = read_file(path, _MOST_AUTHORITIES, named="the file of the endpoint's authorities")
    at = door(endpoint.load, request.tier, key=secret, authorities=authorities)
    return Sighting(body=asyncio.run(_look(at, endpoint, credential, lambda: request.progress(0, 0))))


def _secret(endpoint: Endpoint, request: Request) -> tuple[str, Credential]:
    if not (endpoint.key or endpoint.token):
        return "", Credential.NONE
    secret = held((endpoint.secret or _looked_up(endpoint, request.tier)).value)
    if endpoint.key:
        return secret, Credential.API_KEY
    refuse_ended(secret, request.now + timedelta(microseconds=endpoint.load.budget))
    return secret, Credential.TOKEN


async def _look(at: EndpointDoor, endpoint: Endpoint, credential: Credential, alive: Callable[[], None]) -> Inference:
    load = endpoint.load
    end = time.monotonic() + load.budget / 1e6
    seconds = min(_SECONDS_TO_ASK, load.patience / 1e6)
    known = await _watched(recognised(at, seconds), alive, end) or _UNREACHED
    probes = await _watched(health(at, known.flavour, When.BEFORE, seconds), alive, end) or ()
    served = as_listed(known, load)
    if load.reload and can_load(known):
        served = tuple([await _loaded(at, known, one, alive, end) for one in served])
        known = await _watched(recognised(at, seconds), alive, end) or _UNREACHED
    names = {one.model: one.id for one in served if one.id}
    with MemoryWatch(at, local=is_loopback(_address(endpoint)[0]), served_by=endpoint.served_by) as watch:
        metrics = asyncio.ensure_future(watch.metrics()) if load.metrics else None
        try:
            runs, left_out = await bear(at, load, alive, end=end, names=names)
        finally:
            if metrics is not None:
                metrics.cancel()
    await _watched(watch.ended(), alive, time.monotonic() + 10)
    trials: list[ToolTrial] = []
    offered: list[str] = []
    await _watched(_beside(at, load, names, runs, trials, offered), alive, end)
    probes += await _watched(health(at, known.flavour, When.AFTER, seconds), alive, time.monotonic() + 3 * seconds) or ()
    return Inference(
        load=load,
        credential=credential,
        listing=known.listing,
        listing_said=known.said,
        listed=known.listed,
        server=Server(flavour=known.flavour, probes=_in_order(probes), served=served, memory=watch.memory),
        runs=runs,
        left_out=left_out,
        tools=tuple(trials),
        offers=tuple(offered),
    )


async def _beside(
    at: EndpointDoor,
    load: Load,
    names: Mapping[str, str],
    runs: tuple[LoadRun, ...],
    trials: list[ToolTrial],
    offered: list[str],
) -> None:
    """What a load does not show, into *trials* and *offered*: tools and images if they are asked for, and embeddings also if
    the model refused everything else.
    """
    for model in load.models:
        name = names.get(model, model)
        if load.tools:
            await tried(at, load, model, name, trials)
            offered += [f"{model}: {one}" for one in await offers(at, load, name)]
        elif _refused(runs, model) and await embeds(at, load, name):
            offered.append(f"{model}: embeddings")


def _refused(runs: tuple[LoadRun, ...], model: str) -> bool:
    return {shot.fault for run in runs if run.model == model for shot in run.shots} == {Fault.REFUSED}


_UNREACHED = KnownServer(
    flavour=Flavour.UNREACHED, listing=Listing.NONE, said="the check's time ended before the server was asked", listed=()
)


def _in_order(probes: tuple[Probe, ...]) -> tuple[Probe, ...]:
    return tuple(sorted(probes, key=lambda one: (one.when is When.AFTER, one.path)))


async def _loaded(at: EndpointDoor, known: KnownServer, served: Served, alive: Callable[[], None], end: float) -> Served:
    seconds = max(0.0, end - time.monotonic())
    found = await _watched(reloaded(at, known, served.model, seconds), alive, end)
    said = "the check's time ended before the model was loaded"
    return found or Served(model=served.model, id="", was_loaded=None, cold=None, said=said)


async def _watched(work: Coroutine[object, object, T], alive: Callable[[], None], end: float) -> T | None:
    """The result of *work*, or ``None`` if it is not finished at *end*. *alive* is called meanwhile, and may end it."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and (left := end - time.monotonic()) > 0:
            await asyncio.wait([task], timeout=min(_TICK, left))
            alive()
        return task.result() if task.done() else None
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
