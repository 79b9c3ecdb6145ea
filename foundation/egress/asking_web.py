"""The HTTP client that asks one remote through its circuit breaker. It imports the client of HTTP, so it is imported late."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from httpx2 import AsyncClient, ConnectError, ConnectTimeout, Request, Response, TransportError

from foundation.egress.breaker import backoff
from foundation.egress.destination import Destination
from foundation.egress.remotes import FIRST_SECONDS, HERE, TRIES, NotAsked

_MOST_OF = 0.9
"""A caller who was stopped after so much of the time had no answer; one who was stopped earlier tells nothing."""
_AGAIN = ("GET", "HEAD")
"""What may be asked twice (RFC 9110, section 9.2.2, idempotent methods; here only those that change nothing)."""


class LeftAlone(ConnectError, NotAsked):
    """The remote is left alone now: an error of the client for code that asks, and one of ours that says until when."""


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
