"""The plain kernels: they make operands on the device, compare its results, and run the canary."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from arcops.seen.benchmark import Unit
from tasks.gpu.bench.cuda.numbers import NumberFormat
from tasks.gpu.bench.cuda.room import Room, long, words
from tasks.gpu.bench.cuda.timing import Stopwatch
from tasks.gpu.bench.drills import Drill

PLAIN = "plain.cu"
_BLOCK = 256
_CANARY_STEPS = 1 << 17


class Filling:
    """Makes numbers in the device's memory, and compares it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._wide = 16 * room.attribute("MULTIPROCESSOR_COUNT")

    def spread(self, to: int, made: NumberFormat, count: int, seed: int) -> None:
        """*count* numbers of either sign between a half and one."""
        self._start("spread", count, long(to), long(count), *words(seed & 0xFFFFFFFF, made.width, made.half, made.mask))

    def whole(self, to: int, made: NumberFormat, count: int, seed: int) -> None:
        """*count* whole numbers from -2 to 2."""
        self._start("whole", count, long(to), long(count), *words(seed & 0xFFFFFFFF, made.width, made.one, made.two))

    def differing(self, one: int, other: int, count: int) -> int:
        """The number of words (of four bytes) that differ between *one* and *other*, among *count*, counted by the device."""
        found = self._room.memory(8)
        self._room.zero(found, 8)
        self.compare(found, one, other, count)
        return int.from_bytes(self._room.fetched(found, 8), "little")

    def compare(self, found: int, one: int, other: int, count: int) -> None:
        """Adds the number of differing words to the eight bytes at *found*."""
        self._start("compare", count, long(found), long(one), long(other), long(count))

    def _start(self, name: str, count: int, *arguments: ctypes.c_uint32 | ctypes.c_uint64) -> None:
        grid = max(1, min(self._wide, -(-count // _BLOCK)))
        self._room.kernel(PLAIN, name)((grid, 1), _BLOCK, *arguments)


def canary(room: Room) -> Drill:
    """Arithmetic alone, on every multiprocessor: it needs no memory, so only clocks and other processes change its time."""
    blocks = 2 * room.attribute("MULTIPROCESSOR_COUNT")

    def time(samples: int) -> Sequence[int]:
        with room.work():
            to = room.memory(4 * blocks * _BLOCK)
            start = room.kernel(PLAIN, "canary")
            watch = Stopwatch(room, lambda _: start((blocks, 1), _BLOCK, long(to), *words(_CANARY_STEPS)))
            return watch.samples(samples)

    return Drill(name="canary", unit=Unit.OPERATIONS, work=4 * blocks * _BLOCK * _CANARY_STEPS, time=time, check=None)
