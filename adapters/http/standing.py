"""Streams last for hours, and what their callers showed may end before: then the stream ends, too.

Its client comes back with what counts now, and goes on where it was (``Last-Event-ID``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.types import Message, Receive

LOOK_SECONDS = 15.0
"""So often it is looked at whether the caller of an open stream is still let in."""


@dataclass(slots=True)
class WhileLetIn:
    """``receive``, which says that the client left as soon as it is no longer ``let_in``. It is asked each so many ``seconds``.

    It is no closure, because thousands of streams stand open, and each has one.
    """

    receive: Receive
    let_in: Callable[[], Awaitable[bool]]
    seconds: float | None = None
    _over: bool = field(default=False, init=False)

    async def __call__(self) -> Message:
        while not self._over:
            try:
                async with asyncio.timeout(LOOK_SECONDS if self.seconds is None else self.seconds) as waiting:
                    return await self.receive()
            except TimeoutError:
                if not waiting.expired():
                    raise
            self._over = not await self.let_in()
        return {"type": "http.disconnect"}
