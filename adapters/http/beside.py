"""An application that is served beside the work of a process, in a thread of its own, until the block ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp

from adapters.http.certificates import RenewingServer
from adapters.http.serve import configured

_END_SECONDS = 5.0
_GRACE_SECONDS = 2
_MOST_PER_ADDRESS, _MOST = 50, 500
"""Connections: what is beside the work must not take its files."""


@contextmanager
def beside(app: ASGIApp, listening: Any, *, certificate: str = "", key: str = "") -> Iterator[None]:
    """Serve *app* at the socket *listening*, with TLS if there is a *certificate* with its *key* (PEM files)."""
    config = configured(app, certificate=certificate, key=key, per_address=_MOST_PER_ADDRESS, most=_MOST, grace=_GRACE_SECONDS)
    server = RenewingServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_END_SECONDS)
