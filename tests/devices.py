"""Devices whose every sample is planned, for tests of what is done with samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from arcops.errors import Unavailable
from arcops.seen.benchmark import Checked, Machine, Moment, Unit
from tasks.gpu.bench.drills import Drill

Took = Callable[[int], int]
"""Nanoseconds of every sample in the n-th session, which counts from 0."""


@dataclass
class Planned:
    """``figures`` are drills by name. It falls off the bus at its ``lost_at``-th visit; ``visits`` are those that it had."""

    figures: dict[str, Took]
    name: str = "GPU-1"
    model: str = "NVIDIA Planned"
    canary_takes: Took = lambda number: 1000
    wrong: int = 0
    absent: dict[str, str] = field(default_factory=dict)
    lost_at: int = 10**9
    visits: list[str] = field(default_factory=list)
    canaries: int = 0
    rounds: int = 20
    closed: bool = False
    fresh: bool = False
    """Ask the plan for every sample again, and not once a session."""

    @property
    def machine(self) -> Machine:
        return Machine(device=self.name, model=self.model, software="planned 1")

    def drills(self) -> Sequence[Drill]:
        return [
            Drill(
                name=name,
                unit=Unit.BYTES,
                work=10**6,
                time=self._timer(name, takes),
                check=self._check,
                absent=self.absent.get(name, ""),
            )
            for name, takes in self.figures.items()
        ]

    def _timer(self, name: str, takes: Took) -> Callable[[int], Sequence[int]]:
        def time(count: int) -> Sequence[int]:
            if len(self.visits) >= self.lost_at:
                raise Unavailable("CUDA_ERROR_DEVICE_UNAVAILABLE: it fell off the bus")
            number = self.visits.count(name)
            self.visits.append(name)
            return [takes(number) for _ in range(count)] if self.fresh else [takes(number)] * count

        return time

    def _check(self) -> Checked:
        if len(self.visits) >= self.lost_at:
            raise Unavailable("it is still off the bus")
        return Checked(how="planned", compared=100, wrong=self.wrong)

    def canary(self) -> Drill:
        def canary(count: int) -> Sequence[int]:
            self.canaries += 1
            return [self.canary_takes((self.canaries - 1) // 2)] * count

        return Drill(name="canary", unit=Unit.OPERATIONS, work=1, time=canary, check=None)

    def sustain(self, microseconds: int) -> Iterator[Moment]:
        each = microseconds // self.rounds
        for number in range(self.rounds):
            if len(self.visits) >= self.lost_at:
                raise Unavailable("it fell off the bus")
            yield Moment(at=number * each, took=each * 1000, clock=1500, celsius=50, power=300_000, reasons=())

    def close(self) -> None:
        self.closed = True
