"""The process that serves the front: uvicorn with h11, and before it a stricter reading of HTTP (`framing`)."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import uvicorn
from starlette.types import ASGIApp

from adapters.http.bound import Bound
from adapters.http.framing import MOST_HEAD
from adapters.http.protocol import MOST_PER_ADDRESS, protocol
from arcops.errors import Unavailable
from foundation.settings import is_loopback

_GRACE_SECONDS = 30
_MOST_AT_ONCE = 1000


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at *host*; port 0 takes a free one. Raises `Unavailable` if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def serve(app: ASGIApp, bound: Bound, listening: socket.socket) -> None:
    """Serve until a signal ends it. Work in progress then has half a minute to seal what it has."""
    local = is_loopback(bound.host)
    config = uvicorn.Config(
        app,
        http=protocol(most_per_address=None if local or bound.behind_proxy else MOST_PER_ADDRESS),
        ws="websockets-sansio" if find_spec("websockets") else "none",  # only Prefect's pages use them
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        limit_concurrency=_MOST_AT_ONCE,
        h11_max_incomplete_event_size=MOST_HEAD,
        ssl_certfile=str(bound.certificate) if bound.certificate else None,
        ssl_keyfile=str(bound.key) if bound.key else None,
    )
    uvicorn.Server(config).run(sockets=[listening])
