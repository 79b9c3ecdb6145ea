"""The front as one ASGI application, put together from the parts that are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from adapters.front.bound import Bound
from adapters.front.checked import Checked
from adapters.front.health import Health, Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one door adds: its routes, what must run meanwhile, and what it stands on."""

    routes: Sequence[BaseRoute]
    running: AbstractAsyncContextManager[None] | None = None
    probes: dict[str, Probe] = field(default_factory=dict)


def front(parts: Sequence[Part], bound: Bound) -> ASGIApp:
    """The application that serves *parts* at *bound*."""
    health = Health(probes={name: probe for part in parts for name, probe in part.probes.items()})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in parts:
                if part.running is not None:
                    await stack.enter_async_context(part.running)
            health.started = True
            yield

    app = Starlette(routes=[*health.routes(), *(route for part in parts for route in part.routes)], lifespan=lifespan)
    return Checked(app=app, hosts=bound.hosts, origins=bound.origins, secure=bound.url.startswith("https://"))
