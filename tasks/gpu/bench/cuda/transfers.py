"""Transfers between host and device: each direction alone, and both at once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from arcops.seen.benchmark import Checked, Unit
from tasks.gpu.bench.cuda import numbers
from tasks.gpu.bench.cuda.filling import Filling
from tasks.gpu.bench.cuda.numbers import FP32
from tasks.gpu.bench.cuda.room import Room
from tasks.gpu.bench.cuda.timing import Stopwatch
from tasks.gpu.bench.drills import Drill

_MOST = 1 << 27
_PAGE = 4096

Words = NDArray[np.uint32]


def transfer_size(room: Room, thousandths: int) -> int:
    """Bytes of a transfer."""
    size = _MOST
    while 8 * size > room.free() and size > _PAGE:
        size //= 2
    return max(size * thousandths // 1000 // _PAGE, 1) * _PAGE


class Transfers:
    """Copies of *size* bytes between host and device. Pageable memory goes through a buffer of the driver.

    Data for the device is in the first half of the host's memory; data for the host is in the second half of the device's.
    """

    def __init__(self, room: Room, size: int, seed: int) -> None:
        self._room, self._size, self._seed = room, size, seed
        self._words = size // FP32.width
        self._fill = Filling(room)

    def drills(self) -> Sequence[Drill]:
        return (
            self._drill("host-to-device", self._pinned, up=True),
            self._drill("device-to-host", self._pinned, down=True),
            self._drill("host-and-device-duplex", self._pinned, up=True, down=True),
            self._drill("host-to-device-pageable", self._pageable, up=True),
            self._drill("device-to-host-pageable", self._pageable, down=True),
        )

    def _drill(self, name: str, memory: Callable[[], Words], *, up: bool = False, down: bool = False) -> Drill:
        def time(samples: int) -> Sequence[int]:
            with self._room.work():
                host, at = memory(), self._room.memory(2 * self._size)
                watch = Stopwatch(
                    self._room, lambda _: self._move(host, at, up=up, down=down), lambda number: self._refresh(host, at, number)
                )
                return watch.samples(samples)

        def check() -> Checked:
            with self._room.work():
                host, at = memory(), self._room.memory(2 * self._size)
                host[: self._words] = numbers.spread(0, self._words, self._seed).view(np.uint32)
                host[self._words :] = 0
                self._room.zero(at, self._size)
                self._fill.spread(at + self._size, FP32, self._words, self._seed + 1)
                self._room.settle()
                self._move(host, at, up=up, down=down)
                self._room.settle()
                wrong = self._differing(np.frombuffer(self._room.fetched(at, self._size), np.uint32), 0) if up else 0
                wrong += self._differing(host[self._words :], 1) if down else 0
            return Checked(how="every word with NumPy", compared=self._words * (up + down), wrong=wrong)

        return Drill(name=name, unit=Unit.BYTES, work=self._size * (up + down), time=time, check=check)

    def _differing(self, arrived: Words, more: int) -> int:
        return int((arrived != numbers.spread(0, self._words, self._seed + more).view(np.uint32)).sum())

    def _refresh(self, host: Words, at: int, number: int) -> None:
        """New numbers on both sides. The device makes those of the host, too, because it is faster."""
        for more, start in enumerate((at, at + self._size)):
            self._fill.spread(start, FP32, self._words, self._seed + 2 * number + more)
        self._room.from_device(host.ctypes.data, at, self._size)
        self._room.settle()

    def _move(self, host: Words, at: int, *, up: bool, down: bool) -> None:
        """Up on one stream; down on the other if both are wanted. The next turn waits for both."""
        room, both = self._room, up and down
        if both:
            room.follow(room.other, room.stream)
        if up:
            room.to_device(at, host.ctypes.data, self._size)
        if down:
            room.from_device(host.ctypes.data + self._size, at + self._size, self._size, room.other if both else room.stream)
        if both:
            room.follow(room.stream, room.other)

    def _pinned(self) -> Words:
        held = (ctypes.c_uint32 * (2 * self._words)).from_address(self._room.pinned(2 * self._size))
        return np.ctypeslib.as_array(held)

    def _pageable(self) -> Words:
        return np.zeros(2 * self._words, np.uint32)
