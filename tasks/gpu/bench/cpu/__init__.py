"""The processor as a device that can be measured: NumPy's own loops for memory, its BLAS for arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arcops.exercise import Exercise

if TYPE_CHECKING:
    from tasks.gpu.bench.drills import Device


def processors(exercise: Exercise) -> Sequence[Device]:
    """All processors that this process may use, as one device. Raises `arcops.errors.Unavailable` without memory to work in."""
    from tasks.gpu.bench.cpu.device import Processor  # NumPy, which only a measurement needs

    return (Processor(exercise),)
