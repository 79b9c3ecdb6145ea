"""How a bench times one small thing many times."""

from __future__ import annotations

import time
from collections.abc import Callable


def timed(work: Callable[[int], object], times: int) -> list[float]:
    """Microseconds of CPU for each of *times* calls, sorted."""
    took = []
    for number in range(times):
        began = time.process_time_ns()
        work(number)
        took.append((time.process_time_ns() - began) / 1000)
    return sorted(took)
