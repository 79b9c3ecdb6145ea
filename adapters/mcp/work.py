"""Tools at work: in threads of their own, a bounded number at once, each of which can be told to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from adapters.tools.contract import Place, Tool
from arcops.errors import Unavailable

B = TypeVar("B")

MOST_SHORT = 16
MOST_WAITING = 512


class Work:
    """What runs at this server. ``long`` is how many long tools run at once; more of them wait for their turn."""

    def __init__(self, *, long: int) -> None:
        self._long = ThreadPoolExecutor(max_workers=long, thread_name_prefix="long")
        self._short = ThreadPoolExecutor(max_workers=MOST_SHORT, thread_name_prefix="short")
        self._lock = threading.Lock()
        self._stops: set[threading.Event] = set()

    def begin(self, tool: Tool[Any, B], ask: Any, at: Place) -> Future[B]:
        """Begin, or wait for a turn. Raises `Unavailable` where too many wait already."""
        with self._lock:
            if len(self._stops) >= MOST_WAITING:
                raise Unavailable(f"{MOST_WAITING} calls are under way or wait for their turn; try again later")
            self._stops.add(at.stop)
        future = (self._long if tool.long else self._short).submit(tool, ask, at)
        future.add_done_callback(lambda _: self._stops.discard(at.stop))
        return future

    async def finish(self, future: Future[B], stop: threading.Event) -> B:
        """Wait for *future*; where the caller goes away meanwhile, the work is told to stop, and left to seal what it has."""
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            stop.set()
            raise

    def close(self) -> None:
        """Tell everything to stop, and wait until it has sealed what it has."""
        with self._lock:
            stops = list(self._stops)
        for stop in stops:
            stop.set()
        self._short.shutdown(wait=True, cancel_futures=True)
        self._long.shutdown(wait=True, cancel_futures=True)


def told(at: Place, progress: Callable[[int, int], None]) -> Place:
    """*at* for one call: with a stop of its own, and *progress*."""
    return replace(at, stop=threading.Event(), progress=progress)
