"""The device's own memory: copy and triad as STREAM counts them, two and three buffers of bytes that move."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from arcops.seen.benchmark import Checked, Unit
from tasks.gpu.bench.cuda import numbers
from tasks.gpu.bench.cuda.filling import PLAIN, Filling
from tasks.gpu.bench.cuda.numbers import FP32
from tasks.gpu.bench.cuda.room import Room, long
from tasks.gpu.bench.cuda.timing import Stopwatch
from tasks.gpu.bench.drills import Drill

FACTOR = 3.0
_LEAST = 1 << 28
_PAGE = 4096
_ITEM, _BLOCK, _DEEP = 16, 512, 4  # as sources/plain.cu has them
_WINDOWS, _WINDOW = 16, 4096


def buffer_size(room: Room, thousandths: int) -> int:
    """Bytes of a buffer: at least eight times the cache, so that the cache does not help; less if memory is short."""
    size = _LEAST
    while size < 8 * room.attribute("L2_CACHE_SIZE"):
        size *= 2
    while 8 * size > room.free() and size > _PAGE:
        size //= 2
    return max(size * thousandths // 1000 // _PAGE, 1) * _PAGE


class Bandwidth:
    """Copy and triad over buffers of *size* bytes."""

    def __init__(self, room: Room, size: int, seed: int) -> None:
        self._room, self._size, self._seed = room, size, seed
        self._count = size // FP32.width
        self._fill = Filling(room)

    def drills(self) -> Sequence[Drill]:
        return (
            Drill(name="memory-copy", unit=Unit.BYTES, work=2 * self._size, time=self._time_copy, check=self._check_copy),
            Drill(name="memory-triad", unit=Unit.BYTES, work=3 * self._size, time=self._time_triad, check=self._check_triad),
        )

    def _time_copy(self, samples: int) -> Sequence[int]:
        with self._room.work():
            to, start = self._buffers(2)
            watch = Stopwatch(self._room, lambda _: self._copy(to, start), lambda number: self._make(start, number))
            return watch.samples(samples)

    def _time_triad(self, samples: int) -> Sequence[int]:
        def fresh(number: int) -> None:
            self._make(one, 2 * number)
            self._make(other, 2 * number + 1)

        with self._room.work():
            to, one, other = self._buffers(3)
            return Stopwatch(self._room, lambda _: self._triad(to, one, other), fresh).samples(samples)

    def _check_copy(self) -> Checked:
        with self._room.work():
            to, start = self._buffers(2)
            self._make(start, 0)
            self._room.zero(to, self._size)
            self._copy(to, start)
            return self._checked(to, start, lambda first, count: numbers.spread(first, count, self._seed))

    def _check_triad(self) -> Checked:
        def expected(first: int, count: int) -> NDArray[np.float32]:
            one, other = (numbers.spread(first, count, self._seed + more) for more in (0, 1))
            return numbers.triad(one, other, FACTOR)

        with self._room.work():
            to, again, one, other = self._buffers(4)
            self._make(one, 0)
            self._make(other, 1)
            for each in (to, again):
                self._room.zero(each, self._size)
                self._triad(each, one, other)
            return self._checked(to, again, expected)

    def _checked(self, to: int, other: int, expected: Callable[[int, int], NDArray[np.float32]]) -> Checked:
        """Compares every word with *other* on the device, which may be wrong in the same way, and windows of it with NumPy."""
        wrong = self._fill.differing(to, other, self._count)
        width = min(_WINDOW, self._count)
        for number in range(_WINDOWS):
            first = (self._count - width) * number // (_WINDOWS - 1)
            found = np.frombuffer(self._room.fetched(to + 4 * first, 4 * width), np.uint32)
            wrong += int((found != expected(first, width).view(np.uint32)).sum())
        return Checked(
            how=f"every word compared on the device, and {_WINDOWS} windows of {width} with NumPy",
            compared=self._count + _WINDOWS * width,
            wrong=wrong,
        )

    def _buffers(self, count: int) -> list[int]:
        return [self._room.memory(self._size) for _ in range(count)]

    def _make(self, to: int, number: int) -> None:
        self._fill.spread(to, FP32, self._count, self._seed + number)

    def _copy(self, to: int, start: int) -> None:
        self._start("copy", long(to), long(start), long(self._size // _ITEM))

    def _triad(self, to: int, one: int, other: int) -> None:
        self._start("triad", long(to), long(one), long(other), long(self._size // _ITEM), ctypes.c_float(FACTOR))

    def _start(self, name: str, *arguments: ctypes.c_uint64 | ctypes.c_float) -> None:
        grid = -(-self._size // (_ITEM * _BLOCK * _DEEP))
        self._room.kernel(PLAIN, name)((grid, 1), _BLOCK, *arguments)
