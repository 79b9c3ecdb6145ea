"""A drill: one task of a device that can be timed, and whose result can be compared with a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from arcops.seen.benchmark import Checked, Machine, Moment, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """``time(n)`` warms up, then gives n samples in nanoseconds, each over new buffers; ``check()`` compares results.

    ``work`` is the bytes or operations of one sample. Either may raise `arcops.errors.Unavailable` if the device is lost.
    ``absent`` says why this device cannot do it (an old architecture, no peer); then neither is called.
    """

    name: str
    unit: Unit
    work: int
    time: Callable[[int], Sequence[int]]
    check: Callable[[], Checked] | None
    absent: str = ""


class Device(Protocol):
    """A device that can be measured. A function that lists all devices of its kind opens it; `close` closes it."""

    @property
    def machine(self) -> Machine: ...

    def drills(self) -> Sequence[Drill]: ...

    def canary(self) -> Drill:
        """A short drill that never changes between releases: if its time changes, something disturbs the machine."""
        ...

    def sustain(self, microseconds: int) -> Iterator[Moment]:
        """Keep the heaviest load running, and give a moment at least twice a second."""
        ...

    def close(self) -> None: ...
