"""Matrix products in every format that the device multiplies: by cuBLASLt if the site has it, else by our own kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np

from arcops.seen.benchmark import Checked, Unit
from tasks.gpu.bench.cuda.driver import Unsuited
from tasks.gpu.bench.cuda.filling import Filling
from tasks.gpu.bench.cuda.numbers import BAND, FORMATS, FP8, FP32, MatrixProduct, NumberFormat
from tasks.gpu.bench.cuda.room import Room, long, words
from tasks.gpu.bench.cuda.timing import Stopwatch, rotating
from tasks.gpu.bench.drills import Drill

_SIDE = 8192
_SIDE_FP32 = 4096
_STEP = 256
_SETS = 2
_BLOCK = 256

Multiply = Callable[[int, int, int], None]
"""Starts ``sums = a * b'`` given the addresses of sums, a and b."""


class Engine(Protocol):
    """A library that multiplies. ``suffix`` ends the names of figures that are not to be compared with a data sheet."""

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    def multiply(self, made: NumberFormat, side: int) -> Multiply:
        """For square matrices of *side* rows; called inside `Room.work`."""
        ...


class OwnKernels:
    """``sources/single.cu`` and ``sources/tensor.cu``. They use mma.sync, which on Hopper and later does not reach the speed in
    the data sheet, so their figures have other names.
    """

    name = "ArcOps' own kernels"
    suffix = "-own"

    def __init__(self, room: Room) -> None:
        self._room = room

    def multiply(self, made: NumberFormat, side: int) -> Multiply:
        if made is FP32:
            wide, depth = 128, side
            start = self._room.kernel("single.cu", f"multiply_{made.name}", multiply=f"multiply_{made.name}")
        else:
            given = tensor_options(made, self._room.capability)
            wide, depth = int(given["WIDE"]), side * made.width
            shared = int(given["STAGES"]) * (128 + wide) * 64
            start = self._room.kernel("tensor.cu", f"multiply_{made.name}", shared=shared, **given)
        grid = (side // wide, side // 128)

        def once(sums: int, a: int, b: int) -> None:
            start(grid, _BLOCK, long(sums), long(a), long(b), *words(side, depth))

        return once


def tensor_options(made: NumberFormat, capability: int) -> dict[str, str | int]:
    """What ``sources/tensor.cu`` is compiled with. Narrow if shared memory is small or there are too few registers."""
    old = capability < 80
    return {
        "multiply": f"multiply_{made.name}",
        "KIND": made.name.upper(),
        "WIDE": 128 if old or made is FP8 else 256,
        "STAGES": 2 if old else 3,
    }


class Multiplications:
    """A drill for each format, with matrices of up to 8192 rows; fewer by *thousandths*, or if memory is short."""

    def __init__(self, room: Room, engines: Sequence[Engine], thousandths: int, seed: int) -> None:
        self._room, self._engines, self._thousandths, self._seed = room, engines, thousandths, seed
        self._chosen: dict[str, Engine] = {}
        self._fill = Filling(room)

    def drills(self) -> Sequence[Drill]:
        return [self._drill(made) for made in FORMATS]

    def side(self, made: NumberFormat) -> int:
        side = max((_SIDE_FP32 if made is FP32 else _SIDE) * self._thousandths // 1000 // _STEP, 1) * _STEP
        while side > _STEP and 2 * _SETS * (2 * made.width + 4) * side * side > self._room.free():
            side = side // 2 // _STEP * _STEP
        return side

    def multiply(self, made: NumberFormat, side: int) -> Multiply:
        """By the first engine that can, which is tried inside `Room.work`. Raises `Unsuited` if no engine can."""
        return self._engine(made, side).multiply(made, side)

    def _engine(self, made: NumberFormat, side: int) -> Engine:
        if made.name not in self._chosen:
            for engine in self._engines:
                with suppress(Unsuited), self._room.work():
                    engine.multiply(made, side)
                    self._chosen[made.name] = engine
                    break
            else:
                raise Unsuited(f"no library here can multiply {made.name} matrices")
        return self._chosen[made.name]

    def heaviest(self) -> NumberFormat:
        """The format of the sustained load: the newest half precision that the device has."""
        fitting = [made for made in FORMATS if made.width == 2 and made.capability <= self._room.capability]
        return fitting[-1] if fitting else FP32

    def _drill(self, made: NumberFormat) -> Drill:
        side = self.side(made)
        absent = suffix = ""
        if self._room.capability < made.capability:
            absent = (
                f"a device of compute capability {self._room.capability / 10} does not support {made.name}, "
                f"which needs {made.capability / 10}"
            )
        else:
            suffix = self._engine(made, side).suffix
        return Drill(
            name=f"gemm-{made.name}{suffix}",
            unit=Unit.OPERATIONS,
            work=2 * side**3,
            time=lambda samples: self._time(made, side, samples),
            check=lambda: self._check(made, side),
            absent=absent,
        )

    def _time(self, made: NumberFormat, side: int, samples: int) -> Sequence[int]:
        with self._room.work():
            multiply = self.multiply(made, side)
            sets = [self.operands(made, side) for _ in range(_SETS)]

            def fresh(number: int) -> None:
                for index, (_, a, b) in enumerate(sets):
                    for more, to in enumerate((a, b)):
                        self._fill.spread(to, made, side * side, self._seed + 4 * number + 2 * index + more)

            return Stopwatch(self._room, lambda turn: multiply(*rotating(sets, turn)), fresh).samples(samples)

    def _check(self, made: NumberFormat, side: int) -> Checked:
        product = MatrixProduct(side, self._seed)
        with self._room.work():
            multiply = self.multiply(made, side)
            sums, a, b = self.exact(made, side)
            multiply(sums, a, b)
            wrong = 0
            for start in range(0, side, BAND):
                rows = min(BAND, side - start)
                band = np.frombuffer(self._room.fetched(sums + 4 * start * side, 4 * rows * side), np.float32)
                wrong += product.wrong(start, band.reshape(rows, side))
        return Checked(
            how="exact whole numbers: every row by Freivalds' check in NumPy, rows that differ element by element",
            compared=side * side,
            wrong=wrong,
        )

    def operands(self, made: NumberFormat, side: int) -> tuple[int, int, int]:
        """Memory for sums, a and b."""
        a, b = (self._room.memory(made.width * side * side) for _ in range(2))
        return self._room.memory(4 * side * side), a, b

    def exact(self, made: NumberFormat, side: int) -> tuple[int, int, int]:
        """The same, with whole numbers in a and b, and zeros in the sums."""
        sums, a, b = self.operands(made, side)
        self._room.zero(sums, 4 * side * side)
        self._fill.whole(a, made, side * side, self._seed)
        self._fill.whole(b, made, side * side, self._seed + 1)
        return sums, a, b
