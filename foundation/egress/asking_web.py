"""The HTTP client that asks one remote through its circuit breaker. It imports the client of HTTP, so it is imported late."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

from httpcore2 import SOCKET_OPTION, AnyIOBackend, AsyncConnectionPool, AsyncNetworkBackend, AsyncNetworkStream
from httpcore2 import ConnectError as ConnectFailed
from httpcore2 import ConnectTimeout as ConnectTookTooLong
from httpx2 import (
    AsyncBaseTransport,
    AsyncClient,
    AsyncHTTPTransport,
    ConnectError,
    ConnectTimeout,
    Limits,
    Request,
    Response,
    TransportError,
    create_ssl_context,
)

from foundation.egress.breaker import backoff
from foundation.egress.destination import Destination
from foundation.egress.outside import Outside
from foundation.egress.remotes import FIRST_SECONDS, HERE, TRIES, NotAsked

_MOST_OF = 0.9
"""A caller who was stopped after so much of the time had no answer; one who was stopped earlier tells nothing."""
_AGAIN = ("GET", "HEAD")
"""What may be asked twice (RFC 9110, section 9.2.2, idempotent methods; here only those that change nothing)."""


class LeftAlone(ConnectError, NotAsked):
    """The remote is left alone now: an error of the client for code that asks, and one of ours that says until when."""


class _Looked(AsyncNetworkBackend):
    """Connects to addresses alone that ``outside`` lets through, each as it was looked up."""

    def __init__(self, outside: Outside) -> None:
        self._outside, self._way = outside, AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        failed: ConnectFailed | ConnectTookTooLong | None = None
        for address in await self._outside.addresses(host, port):
            try:
                return await self._way.connect_tcp(address, port, timeout, local_address, socket_options)
            except (ConnectFailed, ConnectTookTooLong) as error:
                failed = error
        raise failed or ConnectFailed("there is no address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def outward(outside: Outside, verify: SSLContext | bool, limits: Limits) -> AsyncBaseTransport:
    """The way of a client to addresses that *outside* lets through, and to no proxy, which would look up names by itself."""
    context = create_ssl_context(verify=verify, trust_env=False)  # once: it reads every authority
    made = AsyncHTTPTransport(verify=context, limits=limits, trust_env=False)
    made._pool = AsyncConnectionPool(
        ssl_context=context,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=_Looked(outside),
    )
    return made


def client_of(to: Destination, seconds: float) -> type[AsyncClient]:
    """A client of *to*, whose requests begin again within so many *seconds*, or not."""

    class Asking(AsyncClient):
        async def send(self, request: Request, **more: Any) -> Response:
            deadline = time.monotonic() + seconds
            for number in range(TRIES):
                try:
                    with HERE.asking(to, (TransportError,)) as one:
                        begun = time.monotonic()
                        try:
                            return await super().send(request, **more)
                        except asyncio.CancelledError:  # a caller has a deadline of its own, which may come first
                            one.failed = time.monotonic() - begun >= seconds * _MOST_OF
                            raise
                except NotAsked as error:
                    raise LeftAlone(str(error), request=request) from error
                except ConnectError as error:
                    rest = backoff(number, FIRST_SECONDS, 60.0, random.random())  # noqa: S311  # it spreads, and hides nothing
                    again = request.method in _AGAIN and not isinstance(error, ConnectTimeout) and number + 1 < TRIES
                    if not again or time.monotonic() + rest >= deadline:
                        raise
                    await asyncio.sleep(rest)
            raise AssertionError("the last try returns or raises")

    return Asking
