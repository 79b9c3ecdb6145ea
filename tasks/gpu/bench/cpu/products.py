"""Matrix products through the BLAS, of whole numbers so small that every sum is exact in either precision, whatever its order.

So the product is known exactly, and one wrong element is wrong beyond doubt. R. Freivalds, "Probabilistic Machines Can Use Less
Running Time", 1977: C = A·B is tried as C·x = A·(B·x), with x drawn from 2**20 values and all of it in 64-bit integers, by
loops that share nothing with the BLAS. A wrong row escapes one x with a probability of at most 2**-20, and two with 2**-40.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from arcops.seen.benchmark import Checked, Unit
from tasks.gpu.bench.drills import Drill

_ORDER = 2048
_STEP = 32
_LARGEST = 8
"""Elements are from -8 to 8: a sum of 2048 products is below 2**18, and a 32-bit float is exact to 2**24."""
_CHALLENGE = 1 << 20
_ROUNDS = 2
_LOOKED_INTO = 16

Matrix = NDArray[Any]


def order(size: int) -> int:
    """The order of the matrices for *size* in thousandths of the work."""
    return max(_STEP, round(_ORDER * math.cbrt(size / 1000) / _STEP) * _STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Factors:
    a: Matrix
    b: Matrix
    product: Matrix


class Products:
    """One precision: ``fp32`` or ``fp64``."""

    def __init__(self, name: str, size: int, seed: int) -> None:
        self._name = name
        self._kind = {"fp32": numpy.float32, "fp64": numpy.float64}[name]
        self._order = order(size)
        self._draw = numpy.random.default_rng((seed, self._order, len(name)))

    def drill(self) -> Drill:
        return Drill(
            name=f"gemm-{self._name}",
            unit=Unit.OPERATIONS,
            work=2 * self._order**3,
            time=self._times,
            check=self._check,
        )

    def once(self) -> int:
        """The time of one product of new operands, in nanoseconds."""
        return self._product()[1]

    def _times(self, count: int) -> Sequence[int]:
        return [self.once() for _ in range(count + 1)][1:]

    def _product(self) -> tuple[_Factors, int]:
        a, b = self._operand(), self._operand()
        begun = time.perf_counter_ns()
        product: Matrix = a @ b
        taken = time.perf_counter_ns() - begun
        return _Factors(a=a, b=b, product=product), taken

    def _operand(self) -> Matrix:
        return self._draw.integers(-_LARGEST, _LARGEST, (self._order, self._order), numpy.int8, True).astype(self._kind)

    def _check(self) -> Checked:
        made, _ = self._product()
        wrong = wrong_elements(made.a, made.b, made.product, self._draw)
        return Checked(
            how="Freivalds' check, which misses a wrong element once in 2**40", compared=made.product.size, wrong=wrong
        )


def wrong_elements(a: Matrix, b: Matrix, product: Matrix, draw: numpy.random.Generator) -> int:
    """How many elements of *product* are not those of *a* times *b*, all of whole numbers; at least one for each wrong row."""
    with numpy.errstate(invalid="ignore"):
        odd = ~(numpy.isfinite(product) & (product == numpy.trunc(product)) & (numpy.abs(product) < 2.0**31))
    a, b, c = (matrix.astype(numpy.int64) for matrix in (a, b, numpy.where(odd, 0, product)))
    bad = odd.any(axis=1)
    for _ in range(_ROUNDS):
        x = draw.integers(0, _CHALLENGE, b.shape[1], numpy.int64)
        bad |= c @ x != a @ (b @ x)
    rows = numpy.flatnonzero(bad)
    looked = rows[:_LOOKED_INTO]
    differing = (c[looked] != a[looked] @ b) | odd[looked]
    return int(numpy.count_nonzero(differing)) + len(rows) - len(looked)
