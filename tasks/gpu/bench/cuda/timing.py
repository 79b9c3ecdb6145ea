"""Times a load by the device's own events, in batches long enough for their resolution of half a microsecond."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tasks.gpu.bench.cuda.room import Room

BATCH = 4e6
"""The least nanoseconds of a batch, so that half a microsecond does not matter."""
WARM = 30e6
"""Nanoseconds of load before the first sample: a device at rest has low clocks."""
_MOST = 1 << 14

Once = Callable[[int], None]
"""Starts the load again. It gets the number of starts so far, so that it can use other buffers each time."""


class Stopwatch:
    """Times *once* on the streams of *room*. *fresh*, which is not timed, makes new input and gets the sample's number."""

    def __init__(self, room: Room, once: Once, fresh: Callable[[int], None] | None = None) -> None:
        self._room, self._once, self._fresh = room, once, fresh
        self._since, self._until = room.event(), room.event()
        self._turn = 0

    def samples(self, count: int) -> list[int]:
        """Nanoseconds of the load, *count* times, after a warm-up."""
        self._refresh(0)
        size = self._sized()
        return [self._sample(number, size) for number in range(1, count + 1)]

    def _sample(self, number: int, size: int) -> int:
        self._refresh(number)
        return max(1, round(self.batch(size) / size))

    def _refresh(self, number: int) -> None:
        if self._fresh is not None:
            self._fresh(number)

    def _sized(self) -> int:
        """How many loads make a batch."""
        size, spent = 1, 0.0
        while spent < WARM:
            took = self.batch(size)
            spent += max(took, 1000.0)
            if took < BATCH and size < _MOST:
                size = min(_MOST, 2 * size, math.ceil(size * BATCH / max(took, 1.0)))
        return size

    def batch(self, size: int) -> float:
        """Nanoseconds of *size* loads, one after the other."""
        room = self._room
        room.record(self._since)
        for _ in range(size):
            self._once(self._turn)
            self._turn += 1
        room.record(self._until)
        room.wait(self._until)
        return room.elapsed(self._since, self._until)


def rotating(buffers: list[Any], turn: int) -> Any:
    return buffers[turn % len(buffers)]
