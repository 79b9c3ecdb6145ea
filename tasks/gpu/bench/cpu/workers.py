"""Threads that each own a part of every array, and stay on one processor if the system allows it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from types import TracebackType

Part = Callable[[slice], None]
"""Work on a part of arrays. NumPy's loops over large arrays let other threads run, so parts go on at once."""


class Workers:
    """One thread for each processor. The memory that a pinned thread touched first stays near it."""

    def __init__(self, cpus: tuple[int, ...]) -> None:
        self._cpus = list(cpus)
        self._count = len(cpus)
        self._ready = threading.Barrier(self._count)
        self.pinned = 0
        self._pool = ThreadPoolExecutor(self._count, initializer=self._settle)
        self.run(self._count, lambda part: None)

    def _settle(self) -> None:
        cpu = self._cpus.pop()
        with suppress(OSError, AttributeError):  # a container may forbid it, and not every system knows it
            os.sched_setaffinity(0, {cpu})  # of this thread alone
            self.pinned += 1

    def run(self, length: int, part: Part) -> int:
        """Do *part* on all of *length* elements; returns the nanoseconds from the first thread's start to the last one's end.

        All wait for one another before they start, so that waking them is not measured.
        """
        edges = [length * number // self._count for number in range(self._count + 1)]
        jobs = [self._pool.submit(self._timed, part, slice(first, last)) for first, last in pairwise(edges)]
        moments = [job.result() for job in jobs]
        return max(ended for _, ended in moments) - min(begun for begun, _ in moments)

    def _timed(self, part: Part, where: slice) -> tuple[int, int]:
        self._ready.wait()
        begun = time.perf_counter_ns()
        part(where)
        return begun, time.perf_counter_ns()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._pool.shutdown()
