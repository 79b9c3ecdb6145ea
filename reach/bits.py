"""Tables of flags with eight to a byte: the transposed table, without unpacking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from reach.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Bits: TypeAlias = "NDArray[np.uint8]"
"""Rows of flags, eight to a byte, the first flag in the highest bit."""

_SWAPS = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))
"""How far bits of a square of eight by eight move, and which of them (H. Warren, Hacker's Delight, 7-3)."""


def transposed(bits: Bits) -> Bits:
    """The columns of *bits* as rows: one for each bit of a row, also for the bits that only fill its last byte.

    Eight rows of eight flags are one word, in which three exchanges of bits swap rows and columns.
    """
    rows, width = bits.shape
    high = (rows + 7) // 8
    filled = np.zeros((8 * high, width), dtype=np.uint8)
    filled[:rows] = bits
    squares = np.ascontiguousarray(filled.reshape(high, 8, width).transpose(2, 0, 1))
    words = squares.reshape(-1).view(">u8").astype(np.uint64)
    for far, which in _SWAPS:
        moved = (words ^ (words >> np.uint64(far))) & np.uint64(which)
        words ^= moved ^ (moved << np.uint64(far))
    swapped = words.astype(">u8").view(np.uint8).reshape(width, high, 8).transpose(0, 2, 1)
    return np.ascontiguousarray(swapped).reshape(8 * width, high)
