"""One connection to a Unix socket: a file of this machine, which every tier reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from arcops.errors import Unavailable

P = TypeVar("P", bound=asyncio.Protocol)


async def joined(path: Path, made: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """A connection to the socket at *path*. Raises `Unavailable` if no one listens there."""
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_unix_connection(made, str(path))
    except OSError as error:
        raise Unavailable(f"no one listens at the socket {path.name}: {error.strerror or type(error).__name__}") from error
    return transport, protocol
