"""A request on its way to a server: the server is reached, which may start it, and is asked once.

A caller is held while its server comes up, but not for ever. If the server ended before a call reached it, another one is asked
for, once; what may have been done is never asked again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from msgspec import Raw

from adapters.relay.answers import Headers
from adapters.relay.exchange import Exchange
from adapters.relay.failing import Failed, failed, failure_of, not_in_time
from adapters.relay.holding import FREE, Holding
from adapters.relay.permitting import Permitting
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from foundation.audit.record import Outcome
from services.host import envelope
from services.host.calls import Ended, TooMuch
from services.host.envelope import Malformed, Message
from services.host.eras import Era
from services.host.handshake import Opening
from services.host.hosted import Hosted, Row
from services.host.link import Link
from services.host.sessions import Owner

HELD_SECONDS = 50.0
"""How long a caller is held while its server installs and starts."""

_log = logging.getLogger(__name__)
Reached = Callable[[], Awaitable[Link]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """Asks the servers of ``hosted``, for callers that ``permitting`` lets."""

    hosted: Hosted
    permitting: Permitting
    held_seconds: float = HELD_SECONDS
    holding: Holding = field(default_factory=Holding)

    async def reach(self, row: Row, caller: Identity, session: str, era: Era, opening: Opening | None = None) -> Link:
        """An open link. Raises `Refused`, `NotYet`, `Unavailable`."""
        if row.eras and era not in row.eras:
            era = next(iter(row.eras))
        try:
            async with asyncio.timeout(self.held_seconds) as held:
                link = await self.hosted.link(row.name, caller, session, era)
                if link.opened is None:
                    await link.open(era, opening)
                return link
        except TimeoutError:
            if not held.expired():
                raise
            shown = self.hosted.shown(row.name)
            state, reason = (shown.state, shown.reason) if shown is not None else (None, "")
            raise not_in_time(row.name, state, reason, self.held_seconds) from None

    async def answered(
        self,
        exchange: Exchange,
        id: bytes,
        owner: Owner,
        work: Awaitable[bytes],
        status: Callable[[bytes], int] | None = None,
    ) -> Outcome:
        """Answer *exchange*, the request *id* of *owner*, with what *work* gives or with why it failed. How did it end?"""
        outcome, at = Outcome.DONE, 200
        headers: Headers = ()
        try:
            body = await work
            if status is not None:
                at = status(body)
        except asyncio.CancelledError:
            if not exchange.aborted():
                exchange.stop()
                raise
            outcome = Outcome.FAILED
            body = envelope.error(id, envelope.CANCELLED, f"the call was cancelled: {exchange.why or 'its session ended'}")
        except Exception as error:
            failure = failure_of(error)
            if not isinstance(error, (ArcOpsError, Failed, Malformed)):
                _log.exception("a request to a hosted server failed in this host")
            outcome, at = Outcome.FAILED, failure.status
            body, headers = failure.body(id), failure.headers
        if len(body) <= FREE:
            await exchange.finish(at, body, headers)
            return outcome
        try:
            with self.holding.one(owner, len(body)):
                await exchange.finish(at, body, headers)
        except TooMuch as error:
            outcome = Outcome.FAILED
            await exchange.finish(200, failure_of(error).body(id))
        return outcome


async def asked(
    reached: Reached,
    method: str,
    params: Mapping[str, Raw] | None,
    **more: object,
) -> Message:
    """The answer of the server that is *reached*: of another one, if this one ended before the call was sent."""
    link = await reached()
    try:
        return await link.call(method, params, **more)  # type: ignore[arg-type]  # as `Link.call`
    except Ended as error:
        if error.sent:
            raise
    return await (await reached()).call(method, params, **more)  # type: ignore[arg-type]  # as `Link.call`


def no_such(server: str) -> Failed:
    """There is no server of this name."""
    return failed(404, envelope.INVALID_REQUEST, f"there is no server {server[:64]!r} here; see `arcops host list`")
