"""A server of ours on this machine, behind the public one: HTTP as a stream, and WebSockets, to one address.

It is reached over loopback in every tier, and never through a proxy from the environment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response
    from websockets.asyncio.client import ClientConnection

_PURPOSE = Purpose(
    what="the server behind",
    form="use one like http://127.0.0.1:4200",
    instead="in every tier it must be on this machine",
)
_MOST_CONNECTIONS, _MOST_KEPT = 1400, 50
"""More than may be slow at the front, so slow callers do not take them all."""
_MOST_MESSAGE = 16 * 1024 * 1024


class NoAnswer(Exception):
    """The server behind does not answer. The text names only the kind of fault, so it may be shown to callers."""


class Behind:
    """``origin`` is its address. Raises `Refused` for an address of another machine."""

    def __init__(self, origin: str, *, seconds: float) -> None:
        permitted(Tier.AIR_GAPPED, origin, _PURPOSE)
        self._origin = origin
        self._seconds = seconds
        self._client: AsyncClient | None = None

    @property
    def held(self) -> bool:
        """Are connections open now?"""
        return self._client is not None

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Keep the connections open meanwhile."""
        from httpx2 import AsyncClient, Limits

        limits = Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_KEPT)
        async with AsyncClient(timeout=self._seconds, trust_env=False, limits=limits) as client:
            self._client = client
            yield
        self._client = None

    async def ask(
        self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: AsyncIterator[bytes] | None
    ) -> Response:
        """The answer to a request for *target*, unchanged; its body is not read yet. Raises `NoAnswer`.

        What *body* raises is raised unchanged. The caller closes the answer.
        """
        from httpx2 import URL, HTTPError

        if self._client is None:
            raise NoAnswer("not open")
        url = URL(self._origin).copy_with(raw_path=target)
        request = self._client.build_request(method, url, headers=list(headers), content=body)
        try:
            return await self._client.send(request, stream=True)
        except HTTPError as error:
            raise NoAnswer(type(error).__name__) from error

    @asynccontextmanager
    async def socket(
        self, target: str, subprotocols: Sequence[str], headers: Sequence[tuple[str, str]]
    ) -> AsyncIterator[ClientConnection]:
        """A WebSocket at *target*. Raises `NoAnswer` if it cannot be opened, or breaks while it is used."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException
        from websockets.typing import Subprotocol

        class Straight(connect):
            """Without this, it would follow a redirect to any address."""

            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        wanted = [Subprotocol(one) for one in subprotocols] or None
        url = f"{self._origin.replace('http', 'ws', 1)}{target}"
        try:
            async with Straight(
                url, subprotocols=wanted, additional_headers=list(headers), proxy=None, max_size=_MOST_MESSAGE
            ) as opened:
                yield opened
        except WebSocketException as error:
            raise NoAnswer(type(error).__name__) from error
