"""The process that serves the front: uvicorn with h11, and before it a stricter reading of HTTP (`framing`)."""

from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import uvicorn
from starlette.types import ASGIApp

from adapters.http.bound import Bound
from adapters.http.certificates import RenewingServer
from adapters.http.connections import MOST_CONNECTIONS, MOST_PER_ADDRESS
from adapters.http.framing import MOST_HEAD
from arcops.errors import Unavailable
from foundation.settings import is_loopback

_GRACE_SECONDS = 30
_KEEP_ALIVE_SECONDS = 75
_MOST_UNREAD = 256 * 1024
"""Bytes of an answer that the system keeps for a caller who does not read."""
_OTHER_FILES = 256
"""How many open files are left for everything but connections."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at *host*; port 0 takes a free one. Raises `Unavailable` if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that name their protocol, and accepted ones inherit it.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_UNREAD)  # inherited; the system's own may grow to megabytes
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise Unavailable(f"cannot listen at {host}:{port}: {error.strerror or error}; is another program using it?") from error
    return listening


@contextmanager
def reserved_port() -> Iterator[int]:
    """A loopback port for a process that takes its port by number; until the block ends, the system gives it to no other.

    A socket that never listens stays bound to it, and who listens there allows that (``SO_REUSEADDR``). Only Linux takes both.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        if sys.platform != "linux":
            held.close()
        yield port


def serve(app: ASGIApp, bound: Bound, listening: socket.socket, *, per_address: int | None = None) -> None:
    """Serve until a signal ends it. Work in progress then has half a minute to seal what it has.

    *per_address* is the most connections of one address. Without it there is a limit only if addresses tell callers apart.
    """
    if per_address is None and not is_loopback(bound.host) and not bound.behind_proxy:
        per_address = MOST_PER_ADDRESS
    config = configured(
        app,
        certificate=str(bound.certificate or ""),
        key=str(bound.key or ""),
        per_address=per_address,
        most=most_connections(_OTHER_FILES),
        grace=_GRACE_SECONDS,
    )
    RenewingServer(config).run(sockets=[listening])


def configured(app: ASGIApp, *, certificate: str, key: str, per_address: int | None, most: int, grace: int) -> uvicorn.Config:
    """How *app* is served: with TLS if there is a *certificate*, over at most *most* connections. *grace* are the seconds that
    work in progress has at the end.
    """
    from adapters.http.protocol import protocol  # late: it is h11's, and a relay listens without it

    return uvicorn.Config(
        app,
        loop="adapters.http.loops:new",
        http=protocol(most_per_address=per_address, most=most),
        ws="websockets-sansio" if find_spec("websockets") else "none",  # only Prefect's pages use them
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace,
        h11_max_incomplete_event_size=MOST_HEAD,
        ssl_certfile=certificate or None,
        ssl_keyfile=key or None,
    )


def most_connections(others: int) -> int:
    """How many connections this process can have, after it asked for as many open files as it may have. *others* are left for
    everything else.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + others
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    elif soft != resource.RLIM_INFINITY:
        most = soft
    return min(MOST_CONNECTIONS, most - others)
