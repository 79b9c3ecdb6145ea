"""Tools at work: each in a thread of its own, a limited number at once, and each can be stopped."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from arcops.errors import Unavailable
from arcops.identity import Identity
from capabilities.contract import Tool
from capabilities.watching import Called, watched
from flows.place import Place

B = TypeVar("B")

MOST_SHORT = 16
MOST_WAITING = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLoad:
    """How many calls are running here, and how many wait for their turn."""

    under_way: int
    waiting: int


class Work:
    """What runs at this server. ``long`` is how many long tools run at once; more of them wait for their turn.

    ``tell`` is called with every call that ended; the part that counts them sets it.
    """

    def __init__(self, *, long: int) -> None:
        self.tell: Callable[[Called], None] = _unheard
        self._under_way = 0
        self._long = ThreadPoolExecutor(max_workers=long, thread_name_prefix="long")
        self._short = ThreadPoolExecutor(max_workers=MOST_SHORT, thread_name_prefix="short")
        self._lock = threading.Lock()
        self._stops: set[threading.Event] = set()

    def begin(self, tool: Tool[Any, B], ask: Any, at: Place, *, run: str = "") -> Future[B]:
        """Begin, or wait for a turn. Raises `Unavailable` if too many wait already. *run* is the run's id, if it has one."""
        with self._lock:
            if len(self._stops) >= MOST_WAITING:
                raise Unavailable(f"{MOST_WAITING} calls are running or wait for their turn; try again later")
            self._stops.add(at.stop)
        context = contextvars.copy_context()  # so that what the tool does is part of the call
        future = (self._long if tool.long else self._short).submit(context.run, self._do, tool, ask, at, run)
        future.add_done_callback(lambda _: self._stops.discard(at.stop))
        return future

    @property
    def load(self) -> WorkLoad:
        """How much work there is now."""
        with self._lock:
            under_way = self._under_way
            return WorkLoad(under_way=under_way, waiting=max(0, len(self._stops) - under_way))

    def _do(self, tool: Tool[Any, B], ask: Any, at: Place, run: str) -> B:
        with self._lock:
            self._under_way += 1
        try:
            return watched(tool, ask, at, tell=lambda called: self.tell(called), run=run)
        finally:
            with self._lock:
                self._under_way -= 1

    async def finish(self, future: Future[B], stop: threading.Event) -> B:
        """Wait for *future*. If the caller goes away meanwhile, the work is stopped, and has time to seal what it has."""
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            stop.set()
            raise

    def close(self) -> None:
        """Stop all work, and wait until it has sealed what it has."""
        with self._lock:
            stops = list(self._stops)
        for stop in stops:
            stop.set()
        self._short.shutdown(wait=True, cancel_futures=True)
        self._long.shutdown(wait=True, cancel_futures=True)


def _unheard(called: Called) -> None:
    """Calls are not counted."""


def told(
    at: Place,
    progress: Callable[[int, int], None],
    caller: Identity | None = None,
    permit: Callable[[Any, object], None] | None = None,
) -> Place:
    """*at* for one call of *caller*: with its own stop, *progress*, and what says if they may call other tools, too."""
    return replace(at, stop=threading.Event(), progress=progress, caller=caller, permit=permit)
