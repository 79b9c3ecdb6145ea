"""The tokens that this host got as a client of remote servers' issuers: kept until they end, and asked for once at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from arcops.tier import Tier
from tasks.server.client_credentials import ClientCredentials, Token, token_for

MOST = 1024


@dataclass(slots=True, kw_only=True)
class Bearers:
    """For the thread of one event loop. ``clock`` is in seconds and only grows."""

    tier: Tier
    clock: Callable[[], float] = time.monotonic
    _known: dict[ClientCredentials, tuple[Token, float]] = field(default_factory=dict)
    _asking: dict[ClientCredentials, asyncio.Task[Token]] = field(default_factory=dict)

    def of(self, credentials: ClientCredentials) -> OfOne:
        """Those of *credentials* alone."""
        return OfOne(bearers=self, credentials=credentials)

    async def text(self, of: ClientCredentials) -> str:
        """The token of *of*. Raises `Unavailable` and `Refused` as `token_for`."""
        known = self._known.get(of)
        if known is not None and self.clock() < known[1]:
            return known[0].text
        asking = self._asking.get(of)
        if asking is None:
            asking = self._asking[of] = asyncio.get_running_loop().create_task(self._ask(of))
            asking.add_done_callback(lambda done: self._asked(of, done))
        return (await asyncio.shield(asking)).text

    def refused(self, of: ClientCredentials) -> None:
        """The server did not take the token: the next one is asked for."""
        self._known.pop(of, None)

    async def _ask(self, of: ClientCredentials) -> Token:
        begun = self.clock()
        found = await asyncio.to_thread(token_for, of, tier=self.tier, now=time.time())
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[of] = (found, begun + found.seconds)
        return found

    def _asked(self, of: ClientCredentials, done: asyncio.Task[Token]) -> None:
        self._asking.pop(of, None)
        if not done.cancelled():
            done.exception()  # who waited has it; no one may have waited


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOne:
    """As `services.host.remote.remote.Bearer`."""

    bearers: Bearers
    credentials: ClientCredentials

    async def text(self) -> str:
        """As `Bearer.text`."""
        return await self.bearers.text(self.credentials)

    def refused(self) -> None:
        """As `Bearer.refused`."""
        self.bearers.refused(self.credentials)
