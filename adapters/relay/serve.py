"""The process that serves the relay by itself: uvicorn with uvloop and httptools, and an end that does not wait for streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.bound import Bound
from adapters.http.certificates import RenewingServer
from adapters.http.connections import MOST_PER_ADDRESS
from adapters.http.serve import most_connections
from adapters.relay.answers import refuse
from adapters.relay.app import Relay
from adapters.relay.protocol import protocol
from foundation.settings import is_loopback

GRACE_SECONDS = 5
"""How long answers that are being sent may go on after a signal."""
_KEEP_ALIVE_SECONDS = 75
_OTHER_FILES = 1024
"""Open files for everything but connections: each child has three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHost:
    """``app`` for requests that name a host of ours and come from no page of another origin (DNS rebinding)."""

    app: ASGIApp
    hosts: frozenset[bytes]
    origins: frozenset[bytes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host":
                    if value.strip().lower() not in self.hosts:
                        await refuse(send, 421, "this server does not answer to that host name (ARCOPS_PUBLIC_URL)")
                        return
                elif name == b"origin" and value.strip().lower() not in self.origins:
                    await refuse(send, 403, "pages of other origins may not call this server")
                    return
        await self.app(scope, receive, send)


class Serving(RenewingServer):
    """uvicorn's, which ends what *relay* has open before it waits for that."""

    def __init__(self, config: uvicorn.Config, relay: Relay, ended: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._relay, self._ended = relay, ended

    async def shutdown(self, sockets: Any = None) -> None:
        self._relay.close()  # first, because it waits for what is open
        await super().shutdown(sockets)
        if self._ended is not None:
            await self._ended()


def serve(
    relay: Relay,
    bound: Bound,
    listening: Any,
    *,
    app: ASGIApp | None = None,
    ended: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve *relay* at *bound*, on the socket *listening*, until a signal ends it.

    *app* is what is served instead, if the relay is only a part of it. *ended* is called in the loop when nothing is served any
    more: after it the signal ends this process, so that nothing here comes after `serve`.
    """
    per_address = None if is_loopback(bound.host) or bound.behind_proxy else MOST_PER_ADDRESS
    guarded = OneHost(
        app=app or relay,
        hosts=frozenset(one.encode() for one in bound.hosts),
        origins=frozenset(one.encode() for one in bound.origins),
    )
    Serving(config(guarded, bound, per_address=per_address), relay, ended).run(sockets=[listening])


def config(app: ASGIApp, bound: Bound | None = None, *, per_address: int | None = None) -> uvicorn.Config:
    """How uvicorn serves *app*."""
    return uvicorn.Config(
        app,
        http=protocol(most_per_address=per_address, most=most_connections(_OTHER_FILES)),
        loop="adapters.http.loops:new",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=str(bound.certificate) if bound is not None and bound.certificate else None,
        ssl_keyfile=str(bound.key) if bound is not None and bound.key else None,
    )
