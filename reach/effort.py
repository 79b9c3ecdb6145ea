"""How much an answer may cost, counted in work and not by a clock: what is refused here is refused on every machine alike.

Gates are pure and know no time, so the engine counts what it is about to do and refuses before it does too much. Whoever does
have a clock, or a caller who may lose patience, is told often (`told`) and may raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from arcops.errors import Refused

MOST_WORK = 60_000_000_000
"""Bytes looked at, for one network. NumPy looks at one or two in a nanosecond, so this is about a minute of one core; 5,000
pods under 2,000 policies take a fiftieth."""
MOST_HELD = 2 * 1024**3
"""Bytes kept in memory at one time, for one network. The same network keeps a twentieth."""
STEP = 1000
"""One step of Python, or one call of NumPy, in bytes that could be looked at meanwhile."""

_TOLD_EVERY = 50_000_000


def _nobody() -> None:
    """Nobody waits to be told."""


_TICK: ContextVar[Callable[[], None]] = ContextVar("tick", default=_nobody)


@contextmanager
def told(tick: Callable[[], None]) -> Iterator[None]:
    """Within it, *tick* is called often while the engine works. It may raise, and what it raises ends the work."""
    before = _TICK.set(tick)
    try:
        yield
    finally:
        _TICK.reset(before)


class Effort:
    """What one network may still cost."""

    def __init__(self) -> None:
        self._left = MOST_WORK
        self._room = MOST_HELD
        self._tick = _TICK.get()
        self._until_told = 0

    def spend(self, size: int, *, steps: int = 1) -> None:
        """Say that *size* bytes are about to be looked at in so many *steps*. Raises `Refused` where it becomes too much."""
        work = size + steps * STEP
        self._left -= work
        if self._left < 0:
            raise Refused(
                f"to compute what these manifests allow takes more than {MOST_WORK:,} steps, for their rules name too many "
                "different pods, ports and addresses; check fewer of them at a time"
            )
        self._until_told -= work
        if self._until_told <= 0:
            self._until_told = _TOLD_EVERY
            self._tick()

    def hold(self, size: int) -> None:
        """Say that *size* bytes are about to be kept. Raises `Refused` where memory would not be enough."""
        self._room -= size
        if self._room < 0:
            raise Refused(
                f"to compute what these manifests allow takes more than {MOST_HELD // 1024**2:,} MiB of memory, for their "
                "rules name too many different pods, ports and addresses; check fewer of them at a time"
            )
        self.spend(size)

    def release(self, size: int) -> None:
        """Say that *size* bytes of those that were held are kept no more."""
        self._room += size
