"""The front as one ASGI application, made from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from adapters.http.at_work import AtWork
from adapters.http.bound import Bound
from adapters.http.checked import CheckedRequests
from adapters.http.health import Health, Probe
from adapters.http.metrics import Metrics
from adapters.http.supervised import Supervised
from adapters.http.watched import Watched
from capabilities.work import Work
from services.host.hosted import Shown

MOST_THREADS = 128
"""For what waits for an issuer, a provider or a database: more than may wait for any one of them, so that the others go on.
Python's own number is some threads for each core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPart:
    """What one door adds: its routes, what must run meanwhile, and what it needs.

    ``work`` runs its tools, ``processes`` are its processes, and ``hosted`` tells by name how the MCP servers are that it
    hosts; all are measured.
    """

    routes: Sequence[BaseRoute]
    running: AbstractAsyncContextManager[None] | None = None
    probes: dict[str, Probe] = field(default_factory=dict)
    notes: dict[str, Probe] = field(default_factory=dict)
    work: Work | None = None
    processes: Sequence[Supervised] = ()
    hosted: Callable[[], Mapping[str, Shown]] = dict


def front(parts: Sequence[DoorPart], bound: Bound, metrics: Metrics | None = None) -> ASGIApp:
    """The application that serves *parts* at *bound*, and *metrics* of them."""
    probes = {name: probe for part in parts for name, probe in part.probes.items()}
    if metrics is not None:
        probes |= metrics.probes
    health = Health(probes=probes, notes={name: note for part in parts for name, note in part.notes.items()})
    routes = [route for part in parts for route in part.routes]
    if metrics is not None:
        routes = [*metrics.routes(health), *routes]
        for part in parts:
            metrics.measure(part.work, part.processes, part.hosted)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="front"))
        async with AsyncExitStack() as stack:
            for part in parts:
                if part.running is not None:
                    await stack.enter_async_context(part.running)
            health.started = True
            yield

    routes = [*health.routes(), *routes]
    if metrics is not None:
        metrics.serve(routes)
    app = Starlette(routes=routes, lifespan=lifespan)
    checked = CheckedRequests(app=app, hosts=bound.hosts, origins=bound.origins, secure=bound.url.startswith("https://"))
    return Watched(app=AtWork(app=checked), tell=metrics.requested if metrics is not None else _unheard)


def _unheard(path: str, status: int) -> None:
    """Requests are not counted."""
