"""Copy and triad over arrays that no cache holds, counted as STREAM does: what is read and what is written, once each.

J. D. McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers", 1995: each array is at least four
times the last-level cache; a copy counts two arrays, a triad three; what a write-allocating cache reads besides is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from arcops.errors import Unavailable
from arcops.seen.benchmark import Checked, Unit
from tasks.gpu.bench.cpu.machine import HostMachine
from tasks.gpu.bench.cpu.workers import Workers
from tasks.gpu.bench.drills import Drill

_TIMES_CACHE = 4
_LEAST_BYTES = 64 * 1024**2
_SHARE = 5
"""The largest part of the memory for each of three arrays, so that enough is left for other processes."""
_BLOCK = 32 * 1024
"""Elements of a block in a triad: NumPy makes two loops of it, and the block stays in the core's own cache between them."""
_FACTOR = 3.0
_LARGEST = 1000
_MOST_TRIADS = 16
"""Triads before new numbers are filled in. One triad makes the largest number at most four times as large, so after this many
all are far below 2**53, and exact."""
_WIDEST = 1 << 20

Array = NDArray[numpy.float64]


class Arrays:
    """Three arrays of whole numbers. Each sample of a drill reads and writes other arrays than the sample before."""

    def __init__(self, host: HostMachine, workers: Workers, size: int, seed: int) -> None:
        wanted = max(_TIMES_CACHE * host.cache, _LEAST_BYTES) * size // 1000
        self.length = max(_BLOCK, wanted // 8)
        if 8 * self.length * _SHARE > host.memory:
            needed = f"three arrays of {8 * self.length >> 20} MiB"
            raise Unavailable(f"{needed} are needed, but only {host.memory >> 20} MiB are free in total; free some memory")
        self._workers = workers
        self._draw = numpy.random.default_rng(seed)
        self._turn = 0
        self._arrays: list[Array] = [numpy.empty(self.length) for _ in range(3)]

    def _fill(self) -> None:
        """New whole numbers everywhere. Each thread writes its own part, so the part lies on that thread's own memory node."""
        for array in self._arrays:
            pattern = self._draw.integers(-_LARGEST, _LARGEST, _BLOCK).astype(numpy.float64)

            def part(where: slice, array: Array = array, pattern: Array = pattern) -> None:
                for first in range(where.start, where.stop, _BLOCK):
                    last = min(first + _BLOCK, where.stop)
                    array[first:last] = pattern[: last - first]

            self._workers.run(self.length, part)

    def drills(self) -> tuple[Drill, Drill]:
        array = 8 * self.length
        return (
            Drill(name="memory-copy", unit=Unit.BYTES, work=2 * array, time=self._copies, check=self._check_copy),
            Drill(name="memory-triad", unit=Unit.BYTES, work=3 * array, time=self._triads, check=self._check_triad),
        )

    def _next(self) -> tuple[Array, Array, Array]:
        self._turn += 1
        a, b, c = (self._arrays[(self._turn + number) % 3] for number in range(3))
        return a, b, c

    def _copies(self, count: int) -> Sequence[int]:
        self._fill()
        return [self._copy() for _ in range(count + 1)][1:]

    def _triads(self, count: int) -> Sequence[int]:
        taken: list[int] = []
        for number in range(count + 1):
            if number % _MOST_TRIADS == 0:
                self._fill()
            taken.append(self._triad())
        return taken[1:]

    def _copy(self) -> int:
        source, target, _ = self._next()
        return self._workers.run(self.length, lambda where: numpy.copyto(target[where], source[where]))

    def _triad(self) -> int:
        target, b, c = self._next()

        def part(where: slice) -> None:
            for first in range(where.start, where.stop, _BLOCK):
                block = slice(first, min(first + _BLOCK, where.stop))
                numpy.multiply(c[block], _FACTOR, out=target[block])
                numpy.add(target[block], b[block], out=target[block])

        return self._workers.run(self.length, part)

    def _check_copy(self) -> Checked:
        self._fill()
        self._copy()
        source, target = self._arrays[self._turn % 3], self._arrays[(self._turn + 1) % 3]
        wrong = sum(int(numpy.count_nonzero(target[part] != source[part])) for part in _parts(self.length))
        return Checked(how="every element against its source", compared=self.length, wrong=wrong)

    def _check_triad(self) -> Checked:
        self._fill()
        self._triad()
        target, b, c = (self._arrays[(self._turn + number) % 3] for number in range(3))
        wrong = 0
        for part in _parts(self.length):
            exact = b[part].astype(numpy.int64) + int(_FACTOR) * c[part].astype(numpy.int64)
            wrong += int(numpy.count_nonzero(target[part] != exact))
        return Checked(how="every element against whole-number arithmetic", compared=self.length, wrong=wrong)


def _parts(length: int) -> list[slice]:
    return [slice(first, min(first + _WIDEST, length)) for first in range(0, length, _WIDEST)]
