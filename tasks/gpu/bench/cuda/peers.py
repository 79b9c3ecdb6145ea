"""Two GPUs: the speed of writing into the other's memory, in one direction and in both at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from arcops.exercise import Exercise
from arcops.seen.benchmark import Checked, Machine, Moment, Unit
from tasks.gpu.bench.cuda import numbers
from tasks.gpu.bench.cuda.driver import CudaError
from tasks.gpu.bench.cuda.filling import Filling, canary
from tasks.gpu.bench.cuda.numbers import FP32
from tasks.gpu.bench.cuda.room import Room
from tasks.gpu.bench.cuda.timing import Stopwatch
from tasks.gpu.bench.cuda.transfers import transfer_size
from tasks.gpu.bench.drills import Drill


class OpenedPeers(Protocol):
    """A GPU whose `Room` is open; another object closes it."""

    @property
    def room(self) -> Room: ...

    @property
    def machine(self) -> Machine: ...


class Pair:
    """*one* and *other*. Each owns its `Room`: closing the pair closes neither."""

    def __init__(self, one: OpenedPeers, other: OpenedPeers, exercise: Exercise) -> None:
        self._here, self._there, self._seed = one.room, other.room, exercise.seed
        self._thousandths = exercise.size
        self.machine = Machine(
            device=f"{one.machine.device}>{other.machine.device}",
            model=f"{one.machine.model}>{other.machine.model}",
            software=one.machine.software,
        )

    def drills(self) -> Sequence[Drill]:
        with self._here.work():
            size = transfer_size(self._here, self._thousandths)
            absent = self._join()
        return (self._drill("peer-copy", size, absent, back=False), self._drill("peer-duplex", size, absent, back=True))

    def canary(self) -> Drill:
        return canary(self._here)

    def sustain(self, microseconds: int) -> Iterator[Moment]:
        """Nothing: the sustained load runs on each of the two devices, not on the pair."""
        return iter(())

    def close(self) -> None:
        """Nothing: the pair owns nothing."""

    def _join(self) -> str:
        """Let both reach the other's memory; returns why they cannot, or an empty text."""
        here, there = self._here, self._there
        for one, other in ((here, there), (there, here)):
            if not int(one.cuda.call("cuDeviceCanAccessPeer", one.handle, other.handle)):
                return "the driver does not allow direct access between the memory of these two GPUs"
        for one, other in ((here, there), (there, here)):
            with one.work():
                try:
                    one.cuda.call("cuCtxEnablePeerAccess", other.context, 0)
                except CudaError as error:
                    if error.name != "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED":
                        raise
        return ""

    def _drill(self, name: str, size: int, absent: str, *, back: bool) -> Drill:
        def time(samples: int) -> Sequence[int]:
            with self._there.work():
                there = self._there.memory(2 * size)
                with self._here.work():
                    here = self._here.memory(2 * size)
                    watch = Stopwatch(
                        self._here,
                        lambda _: self._move(there, here, size, back=back),
                        lambda number: self._make(there, here, size, self._seed + 2 * number),
                    )
                    return watch.samples(samples)

        def check() -> Checked:
            words = size // FP32.width
            with self._there.work():
                there = self._there.memory(2 * size)
                with self._here.work():
                    here = self._here.memory(2 * size)
                    self._make(there, here, size, self._seed)
                    self._move(there, here, size, back=back)
                    self._here.settle()
                    wrong = _differing(self._here, here + size, words, self._seed + 1) if back else 0
                self._there.enter()
                wrong += _differing(self._there, there, words, self._seed)
            return Checked(how="every word with NumPy", compared=words * (1 + back), wrong=wrong)

        return Drill(name=name, unit=Unit.BYTES, work=size * (1 + back), time=time, check=check, absent=absent)

    def _make(self, there: int, here: int, size: int, seed: int) -> None:
        """Data for *there* is in the first half here; data for *here* is in the second half there. Ends in the context here."""
        words = size // FP32.width
        self._there.enter()
        self._there.zero(there, size)
        Filling(self._there).spread(there + size, FP32, words, seed + 1)
        self._there.settle()
        self._here.enter()
        self._here.zero(here + size, size)
        Filling(self._here).spread(here, FP32, words, seed)
        self._here.settle()

    def _move(self, there: int, here: int, size: int, *, back: bool) -> None:
        room = self._here
        if back:
            room.follow(room.other, room.stream)
        room.to_peer(there, self._there, here, room, size, room.stream)
        if back:
            room.to_peer(here + size, room, there + size, self._there, size, room.other)
            room.follow(room.stream, room.other)


def _differing(room: Room, at: int, words: int, seed: int) -> int:
    found = np.frombuffer(room.fetched(at, 4 * words), np.uint32)
    return int((found != numbers.spread(0, words, seed).view(np.uint32)).sum())
