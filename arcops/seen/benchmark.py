"""What a machine did in a benchmark: every sample's raw time, in whole nanoseconds, and whether the results were right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.exercise import Exercise
from arcops.zones import median


class Unit(Enum):
    """What ``work`` counts: bytes that move, or arithmetic operations."""

    BYTES = "bytes"
    OPERATIONS = "operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One visit: ``samples`` after a warm-up, and the samples of the canary that was measured between them."""

    samples: tuple[int, ...]
    canary: tuple[int, ...]

    @property
    def middle(self) -> int:
        return median(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Results held against a reference: of ``compared`` elements ``wrong`` differ. ``how`` names the reference."""

    how: str
    compared: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One figure of one device. ``work`` is what a sample does; ``said`` is why there are no sessions, else empty.

    ``device`` is the UUID of a GPU (two joined by ``>`` for copies between them), or ``cpu``.
    """

    name: str
    device: str
    unit: Unit
    work: int
    sessions: tuple[Session, ...]
    checked: Checked | None
    said: str = ""

    @property
    def times(self) -> tuple[int, ...]:
        """The median of each session, in nanoseconds."""
        return tuple(session.middle for session in self.sessions)

    @property
    def rate(self) -> int | None:
        """Work in one second, by the median of medians; ``None`` where nothing was measured."""
        return self.work * 10**9 // median(self.times) if self.sessions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """While a load was kept up: ``at`` microseconds after it began, one round's time in nanoseconds, clock in MHz, degrees
    Celsius, milliwatts and the reasons that the driver gave for a lower clock. ``None`` is what could not be asked.
    """

    at: int
    took: int
    clock: int | None
    celsius: int | None
    power: int | None
    reasons: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sustained:
    """A load kept up. ``said`` is why there is none, else empty."""

    device: str
    name: str
    moments: tuple[Moment, ...]
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One device that was measured. ``model`` is what its driver, or the kernel, calls it; ``software`` what drove it."""

    device: str
    model: str
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark(Body):
    """What was asked and what came of it. ``decided`` says that more sessions would have changed nothing."""

    KIND: ClassVar[str] = "benchmark"

    exercise: Exercise
    machines: tuple[Machine, ...]
    figures: tuple[Measured, ...]
    sustained: tuple[Sustained, ...]
    decided: bool
    said: str = ""
    """Why nothing could be measured at all, else empty."""

    @property
    def names_subject(self) -> str:
        """SHA-256 over the devices, a line each: a benchmark tells of hardware, which has no bytes."""
        lines = sorted(f"{machine.device} {machine.model}" for machine in self.machines)
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() if lines else ""
