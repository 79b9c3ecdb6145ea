"""One TCP connection, with TLS or without, for code that speaks the protocol on it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress.destination import Destination
from foundation.egress.permission import may_reach
from foundation.egress.remotes import HERE, NotAsked

if TYPE_CHECKING:
    from ssl import SSLContext


_LONG_SECONDS = 3.0
"""A caller who was stopped while it waited so long for a connection had no answer."""


class NoConnection(Exception):
    """Nothing answers there, or not with TLS; the text is one sentence and quotes nothing of the answer."""


class Untrusted(NoConnection):
    """A server answers, but its certificate is refused."""


async def connected(
    tier: Tier, to: Destination, *, tls: SSLContext | None, limit: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to *to*; its addresses are tried in turn, and a reader holds at most *limit* bytes.

    Raises `NoConnection`, and `Refused` if *tier* does not reach it.
    """
    if not may_reach(tier, to):
        raise Refused(f"the tier {tier.value} does not reach the host {to.host[:200]}; set ARCOPS_TIER to restricted")
    untrusted: Untrusted | None = None
    try:
        with HERE.asking(to, (NoConnection,)) as one:
            begun = time.monotonic()
            try:
                return await _opened(to, tls=tls, limit=limit)
            except Untrusted as error:
                untrusted = error  # it answers
            except asyncio.CancelledError:  # the deadline of the caller
                one.failed = time.monotonic() - begun >= _LONG_SECONDS
                raise
    except NotAsked as error:
        raise NoConnection(str(error)) from error
    raise untrusted


async def _opened(to: Destination, *, tls: SSLContext | None, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    import ssl

    said = ""
    for address in to.addresses:
        try:
            return await asyncio.open_connection(
                address, to.port, limit=limit, ssl=tls, server_hostname=to.host if tls else None
            )
        except ssl.SSLCertVerificationError as error:
            # The text is OpenSSL's, and quotes nothing of the certificate but the name that was asked for.
            raise Untrusted(f"the certificate is refused: {error.verify_message}") from error
        except ssl.SSLError as error:
            said = f"no TLS with {to.host}: {error.reason or 'it failed'}"
        except OSError as error:
            said = f"no connection to {address} port {to.port}: {error.strerror or type(error).__name__}"
    raise NoConnection(said)
