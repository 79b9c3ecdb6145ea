"""An HTTP client for one address that the tier reaches. It follows no redirect, because that leads to an unknown address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from arcops.tier import Tier
from foundation.egress.outside import Outside
from foundation.egress.permission import Purpose, permitted

if TYPE_CHECKING:  # for code that is handed them and may not import the client
    from httpx2 import AsyncClient as AsyncClient
    from httpx2 import Response as Response


def client(
    tier: Tier,
    url: str,
    purpose: Purpose,
    *,
    seconds: float,
    read_seconds: float | None = None,
    headers: Mapping[str, str] | None = None,
    connections: int = 100,
    authorities: str = "",
    certificate: str = "",
    key: str = "",
    outside: Outside | None = None,
) -> AsyncClient:
    """A client to ask *url* with, over at most so many *connections*. Raises `Refused`, and `NotUsable` for what is PEM.

    The certificate of the other side has to come from *authorities* (PEM; the usual ones if empty). *certificate* and its *key*
    (PEM) are shown if the other side asks who we are. The environment's proxy is used, but not for this machine. With *outside*
    someone else chose *url*: it is asked only at addresses that this lets through, and then what the client raises may be
    `Refused`, too.

    A GET is made once more if there was no connection. What the client raises if the remote is left alone is one of `failures`
    and a `NotAsked`.
    """
    to = permitted(tier, url, purpose)
    from httpx2 import Limits, Timeout

    from foundation.egress import tls
    from foundation.egress.asking_web import client_of, outward

    timeout = Timeout(seconds, read=seconds if read_seconds is None else read_seconds)
    limits = Limits(max_connections=connections, max_keepalive_connections=min(20, connections))
    verify: tls.SSLContext | bool = True
    if authorities or certificate:
        verify = tls.context(authorities, certificate=certificate, key=key)
    elif to.scheme == "http":
        verify = tls.none()
    return client_of(to, seconds)(
        headers=dict(headers or {}),
        timeout=timeout,
        limits=limits,
        trust_env=not to.here and outside is None,
        follow_redirects=False,
        verify=verify,
        transport=outward(outside, verify, limits) if outside is not None else None,
    )


def failures() -> tuple[type[Exception], ...]:
    """What a client raises if the connection breaks, for an ``except``.

    The library lets an alert of TLS through as it is if that comes after the handshake: that a certificate is wanted, say.
    """
    from ssl import SSLError

    from httpx2 import HTTPError

    return HTTPError, SSLError


def no_connection() -> tuple[type[Exception], ...]:
    """Those of `failures` that say that there was no connection, so nothing was sent."""
    from httpx2 import ConnectError, ConnectTimeout

    return (ConnectError, ConnectTimeout)


def answers(tier: Tier, url: str, purpose: Purpose, *, seconds: float) -> bool:
    """Does *url* answer 200? Raises `Refused` if *tier* does not reach it.

    It is for a server of ours that is starting, so it is asked each time, however often there was no answer.
    """
    to = permitted(tier, url, purpose)
    from httpx2 import HTTPError, get

    try:
        return get(url, timeout=seconds, trust_env=not to.here, follow_redirects=False).status_code == 200
    except HTTPError:
        return False
