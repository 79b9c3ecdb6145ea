"""Streams last for hours, and what their callers showed may end before: then the stream ends, too.

Its client comes back with what counts now, and goes on where it was (``Last-Event-ID``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive

LOOK_SECONDS = 15.0
"""So often it is looked at whether the caller of an open stream is still let in."""
_LEFT: Message = {"type": "http.disconnect"}


def while_let_in(receive: Receive, let_in: Callable[[], Awaitable[bool]], *, seconds: float | None = None) -> Receive:
    """*receive*, which says that the client left as soon as it is no longer *let_in*. It is asked each so many *seconds*."""
    over = False

    async def receive_or_left() -> Message:
        nonlocal over
        while not over:
            try:
                async with asyncio.timeout(LOOK_SECONDS if seconds is None else seconds) as waiting:
                    return dict(await receive())
            except TimeoutError:
                if not waiting.expired():
                    raise
            over = not await let_in()
        return dict(_LEFT)

    return receive_or_left
