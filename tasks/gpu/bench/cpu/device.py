"""All processors of this machine as one device."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence

import numpy

from arcops.exercise import Exercise
from arcops.seen.benchmark import Machine, Moment, Unit
from tasks.gpu.bench.cpu.blas import blas
from tasks.gpu.bench.cpu.machine import celsius, clock, host, throttled
from tasks.gpu.bench.cpu.memory import Arrays
from tasks.gpu.bench.cpu.products import Products
from tasks.gpu.bench.cpu.workers import Workers
from tasks.gpu.bench.drills import Drill

_CANARY_ORDER = 256
_CANARY_BYTES = 8 * 1024**2
_A_ROUND = 200_000_000
"""Nanoseconds from one moment to the next."""


class Processor:
    """A `tasks.gpu.bench.drills.Device`."""

    def __init__(self, exercise: Exercise) -> None:
        self._host = host()
        self._workers = Workers(self._host.cpus)
        self._size, self._seed = exercise.size, exercise.seed
        self._arrays = Arrays(self._host, self._workers, exercise.size, exercise.seed)
        self._products = tuple(Products(name, exercise.size, exercise.seed) for name in ("fp32", "fp64"))
        draw = numpy.random.default_rng(0)
        self._fixed = draw.random((_CANARY_ORDER, _CANARY_ORDER))
        self._from, self._to = draw.random(_CANARY_BYTES // 8), numpy.empty(_CANARY_BYTES // 8)
        self.machine = Machine(device="cpu", model=self._host.model, software=self._software())

    def _software(self) -> str:
        pinned = self._workers.pinned
        held = f"{pinned} pinned" if pinned == len(self._host.cpus) else f"{pinned} of them pinned"
        said = (
            f"NumPy {numpy.__version__} on Python {platform.python_version()}",
            f"{blas()}, not pinned",
            f"memory by {len(self._host.cpus)} threads, {held}",
            f"last-level cache {self._host.cache >> 10} KiB" + (f" ({self._host.cache_said})" if self._host.cache_said else ""),
        )
        return "; ".join(said)

    def drills(self) -> Sequence[Drill]:
        return (*self._arrays.drills(), *(products.drill() for products in self._products))

    def canary(self) -> Drill:
        """A small product and a small copy: another process that computes slows it down, and so does one that moves memory."""
        work = 2 * _CANARY_ORDER**3
        return Drill(name="canary", unit=Unit.OPERATIONS, work=work, time=self._canary, check=None)

    def _canary(self, count: int) -> Sequence[int]:
        return [self._canary_once() for _ in range(count + 1)][1:]

    def _canary_once(self) -> int:
        begun = time.perf_counter_ns()
        numpy.dot(self._fixed, self._fixed)
        numpy.copyto(self._to, self._from)
        return time.perf_counter_ns() - begun

    def sustain(self, microseconds: int) -> Iterator[Moment]:
        """Products in 32 bits; each moment holds their median."""
        begun, cpus = time.perf_counter_ns(), self._host.cpus
        before = throttled(cpus)
        while (now := time.perf_counter_ns()) - begun < microseconds * 1000:
            took: list[int] = []
            while not took or time.perf_counter_ns() - now < _A_ROUND:
                took.append(self._products[0].once())
            after = throttled(cpus)
            known = before is not None and after is not None
            yield Moment(
                at=(now - begun) // 1000,
                took=sorted(took)[len(took) // 2],
                clock=clock(cpus),
                celsius=celsius(),
                power=None,
                reasons=(("hardware-thermal-slowdown",) if after != before else ()) if known else None,
            )
            before = after

    def close(self) -> None:
        self._workers.close()
