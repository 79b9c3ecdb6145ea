"""The operands, computed by NumPy as the device computes them (``sources/plain.cu``), and the expected results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BAND = 512
"""Rows of a matrix that are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """How numbers are encoded. ``half``, ``one`` and ``two`` are those numbers; ``mask`` has ones in the bits of the fraction.

    ``capability`` is the first that multiplies it; ``code`` is what cuBLASLt calls it (cudaDataType, library_types.h).
    """

    name: str
    width: int
    half: int
    mask: int
    one: int
    two: int
    capability: int
    code: int


FP32 = NumberFormat(name="fp32", width=4, half=0x3F000000, mask=0x7FFFFF, one=0x3F800000, two=0x40000000, capability=75, code=0)
TF32 = NumberFormat(name="tf32", width=4, half=0x3F000000, mask=0x7FE000, one=0x3F800000, two=0x40000000, capability=80, code=0)
FP16 = NumberFormat(name="fp16", width=2, half=0x3800, mask=0x3FF, one=0x3C00, two=0x4000, capability=75, code=2)
BF16 = NumberFormat(name="bf16", width=2, half=0x3F00, mask=0x7F, one=0x3F80, two=0x4000, capability=80, code=14)
FP8 = NumberFormat(name="fp8", width=1, half=0x30, mask=0x7, one=0x38, two=0x40, capability=89, code=28)  # e4m3
FORMATS = (FP32, TF32, FP16, BF16, FP8)


def drawn(start: int, count: int, seed: int) -> NDArray[np.uint32]:
    """The device's ``drawn`` of *count* indices from *start*."""
    x = np.arange(start, start + count, dtype=np.uint64).astype(np.uint32)
    x *= np.uint32(0x9E3779B1)
    x += np.uint32(seed & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return x


def spread(start: int, count: int, seed: int, made: NumberFormat = FP32) -> NDArray[np.float32]:
    """The device's ``spread`` in single precision. *made* must be a format of four bytes."""
    x = drawn(start, count, seed)
    bits = np.uint32(made.half) | (x & np.uint32(made.mask)) | (x >> np.uint32(31) << np.uint32(31))
    return bits.view(np.float32)


def whole(start: int, count: int, seed: int) -> NDArray[np.float64]:
    """The device's ``whole``: from -2 to 2, which every format writes exactly."""
    return (drawn(start, count, seed) % np.uint32(5)).astype(np.float64) - 2.0


def triad(one: NDArray[np.float32], other: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Fused, as on the device: in double precision the product and the sum are exact, and are rounded once."""
    return (one.astype(np.float64) + factor * other.astype(np.float64)).astype(np.float32)


class MatrixProduct:
    """``sums = a * b'`` of whole numbers, square matrices of *side* rows, drawn from *seed* and the seed after it.

    Sums of that many products of such numbers are whole numbers that single precision holds, in any order of addition.
    So one bit that differs is an error of the device, and no tolerance is needed.
    """

    def __init__(self, side: int, seed: int) -> None:
        self.side, self._seed = side, seed

    def wrong(self, start: int, band: NDArray[np.float32]) -> int:
        """How many elements of *band*, the rows of the sums from *start*, are wrong.

        Every row is first compared with the product with vectors of plus and minus one (Freivalds' check): one wrong element in
        it is always found; several are missed with one chance in four. Rows that differ are computed and counted.
        """
        signs, expected = _proof(self.side, self._seed)
        found = band.astype(np.float64) @ signs
        bad = np.flatnonzero(~(found == expected[start : start + len(band)]).all(axis=1))
        if not bad.size:
            return 0
        a = np.stack([self._row(start + int(row)) for row in bad])
        count = 0
        for first in range(0, self.side, BAND):
            right = _rows(first, min(BAND, self.side - first), self.side, self._seed + 1)
            exact = a @ right.T
            count += int((exact != band[bad, first : first + len(right)]).sum())
        return max(count, int(bad.size))

    def _row(self, row: int) -> NDArray[np.float64]:
        return whole(row * self.side, self.side, self._seed)


def _rows(start: int, count: int, side: int, seed: int) -> NDArray[np.float64]:
    return whole(start * side, count * side, seed).reshape(count, side)


@lru_cache(maxsize=4)
def _proof(side: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two vectors of signs, and ``a * (b' * vector)`` for each; exact, because all of it is below 2**53."""
    signs = ((drawn(0, 2 * side, seed + 2) >> np.uint32(31)).astype(np.float64) * 2 - 1).reshape(side, 2)
    inner = np.zeros((side, 2))
    for first in range(0, side, BAND):
        inner += _rows(first, min(BAND, side - first), side, seed + 1).T @ signs[first : first + BAND]
    bands = [_rows(first, min(BAND, side - first), side, seed) @ inner for first in range(0, side, BAND)]
    return signs, np.concatenate(bands)
