"""The results of a benchmark: every sample's raw time, in whole nanoseconds, and whether the calculated results were right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.exercise import Exercise
from arcops.left_out import LEFT_OUT
from arcops.zones import median


class Unit(Enum):
    """What ``work`` counts: bytes that move, or arithmetic operations."""

    BYTES = "bytes"
    OPERATIONS = "operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session: ``samples`` after a warm-up, and the samples of the ``canary`` that ran before and after them."""

    samples: tuple[int, ...]
    canary: tuple[int, ...]

    @property
    def middle(self) -> int:
        return median(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Results compared with a reference: of ``compared`` elements, ``wrong`` differ. ``how`` names the reference."""

    how: str
    compared: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One figure of one device. ``work`` is the work of one sample; ``said`` is why there are no sessions, or too few, else
    empty.

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
        """Work in one second, by the median of medians; ``None`` if nothing was measured."""
        return self.work * 10**9 // median(self.times) if self.sessions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment of a sustained load: ``at`` microseconds after it began, one round's time in nanoseconds, clock in MHz, degrees
    Celsius, milliwatts, and the reasons that the driver gave for a lower clock. A field is ``None`` if it could not be read.
    """

    at: int
    took: int
    clock: int | None
    celsius: int | None
    power: int | None
    reasons: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sustained:
    """A sustained load. ``said`` is why it was not run completely, else empty."""

    device: str
    name: str
    moments: tuple[Moment, ...]
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One device that was measured. ``model`` is what its driver, or the kernel, calls it; ``software`` is what ran it."""

    device: str
    model: str
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark(Body):
    """The exercise and its results. ``decided`` says that more sessions would have changed nothing. ``processes`` are the
    microseconds that each process measured, if each session has a process of its own. ``unfinished``: the last process has
    not been reached, so there are too few sessions, and no sustained load.
    """

    KIND: ClassVar[str] = "benchmark"

    exercise: Exercise
    machines: tuple[Machine, ...]
    figures: tuple[Measured, ...]
    sustained: tuple[Sustained, ...]
    decided: bool
    said: str = ""
    """Why nothing could be measured at all, else empty."""
    processes: tuple[int, ...] = field(default=(), metadata=LEFT_OUT)
    unfinished: bool = field(default=False, metadata=LEFT_OUT)

    @property
    def names_subject(self) -> str:
        """SHA-256 over the devices, one line each: a benchmark is about hardware, which has no bytes."""
        lines = sorted(f"{machine.device} {machine.model}" for machine in self.machines)
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() if lines else ""
