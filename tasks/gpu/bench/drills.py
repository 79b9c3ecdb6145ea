"""A drill: one thing that a device does, which can be timed and whose result can be held against a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from arcops.seen.benchmark import Checked, Machine, Moment, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """``time(n)`` warms up, then gives n samples in nanoseconds, each over fresh buffers; ``check()`` looks at results.

    ``work`` is the bytes or operations of one sample. Either may raise `arcops.errors.Unavailable` where the device has gone.
    ``absent`` says why this device cannot do it (an old architecture, no peer); then neither is called.
    """

    name: str
    unit: Unit
    work: int
    time: Callable[[int], Sequence[int]]
    check: Callable[[], Checked] | None
    absent: str = ""


class Device(Protocol):
    """Something that can be measured. Opened by a function that lists all devices of its kind; closed by `close`."""

    @property
    def machine(self) -> Machine: ...

    def drills(self) -> Sequence[Drill]: ...

    def canary(self) -> Drill:
        """Short and never changed from release to release: when it moves, the machine is disturbed."""
        ...

    def sustain(self, microseconds: int) -> Iterator[Moment]:
        """Keep up the heaviest load, telling of it at least twice a second."""
        ...

    def close(self) -> None: ...
