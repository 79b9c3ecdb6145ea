"""How much an answer may cost, counted in work and not by a clock, so that every machine refuses the same input.

Gates are pure and have no clock, so the engine counts its work in advance and refuses before it does too much. A caller with a
clock, or that may cancel, is called often (`told`) and may raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from arcops.errors import Refused

MOST_WORK = 60_000_000_000
"""Bytes read, for one network. NumPy reads one in about a nanosecond, so this is about a minute of one core;
5,000 pods under 2,000 policies take a thirtieth."""
MOST_HELD = 2 * 1024**3
"""Bytes in memory at one time, for one network. That example keeps a twentieth."""
STEP = 1000
"""The cost of one step of Python, or one call of NumPy, in bytes that could be read meanwhile."""

_TOLD_EVERY = 50_000_000


def _no_one() -> None:
    """No caller waits for ticks."""


_TICK: ContextVar[Callable[[], None]] = ContextVar("tick", default=_no_one)


@contextmanager
def told(tick: Callable[[], None]) -> Iterator[None]:
    """Within it, *tick* is called often while the engine works. If it raises, the work ends."""
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
        """Count *size* bytes that will be read in this number of *steps*. Raises `Refused` if it becomes too much."""
        work = size + steps * STEP
        self._left -= work
        if self._left < 0:
            raise Refused(
                f"computing what these manifests allow takes more than {MOST_WORK:,} steps, because their rules name too many "
                "different pods, ports and addresses; check fewer manifests at a time"
            )
        self._until_told -= work
        if self._until_told <= 0:
            self._until_told = _TOLD_EVERY
            self._tick()

    def hold(self, size: int) -> None:
        """Count *size* bytes that will be kept. Raises `Refused` if they would need too much memory."""
        self._room -= size
        if self._room < 0:
            raise Refused(
                f"computing what these manifests allow takes more than {MOST_HELD // 1024**2:,} MiB of memory, because their "
                "rules name too many different pods, ports and addresses; check fewer manifests at a time"
            )
        self.spend(size)

    def release(self, size: int) -> None:
        """Count *size* bytes of memory as free again."""
        self._room += size
