"""Sessions: every drill runs in turn, with the canary before and after, until more sessions would not change the result.

What a process gets for its whole life, such as the place of its memory, is shared by all its sessions. So if the exercise says
``fresh``, one call makes one session of each drill, and the next process goes on with what was made so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from arcops.calm import calm, canary_device, undisturbed
from arcops.errors import ArcOpsError, Stopped
from arcops.exercise import Exercise
from arcops.seen.baseline import Baseline, model_of
from arcops.seen.benchmark import Benchmark, Checked, Measured, Moment, Session, Sustained
from arcops.zones import LEAST_SESSIONS, Zone, decided
from tasks.gpu.bench.drills import Device, Drill

T = TypeVar("T")

SAMPLES = 5
"""Samples in a session. They share its heat and its other load, so more samples would say little more."""
_CANARIES = 2
"""Samples of the canary before, and as many after."""
_LOST = "the device was lost: "
_SECONDS_FOR_REST = 30.0
"""The time that the last checks may take in addition to the budget."""


@dataclass(slots=True)
class _Course:
    """The progress of one drill: ``lost`` says why it was stopped."""

    device: Device
    drill: Drill
    sessions: list[Session] = field(default_factory=list)
    checks: list[Checked] = field(default_factory=list)
    lost: str = ""


class Sessions:
    """What *devices* do in *exercise*, after what they did *before*. *alive* is called between visits, and ends everything by
    what it raises.

    *clock* tells seconds, and *begun* is when the opening of the devices began, which the budget pays for, too. A device whose
    name holds a ``>`` is a pair, and has no sustained load. A device that raises is not
    used any more, and its figures say why.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        exercise: Exercise,
        baseline: Baseline | None,
        alive: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        before: Benchmark | None = None,
        begun: float | None = None,
    ) -> None:
        self._before = before
        self._begun = clock() if begun is None else begun
        self._devices, self._exercise, self._baseline = devices, exercise, baseline
        self._alive, self._clock = alive, clock
        self._singles = [device for device in devices if ">" not in device.machine.device]
        spent = sum(before.processes) if before is not None else 0
        self._end = self._begun + (exercise.budget - spent - exercise.sustained * len(self._singles)) / 1e6
        self._gone: dict[str, str] = {}
        self._canaries = {device.machine.device: device.canary() for device in devices}
        self._courses = [_course(device, drill, before) for device in devices for drill in device.drills()]

    def run(self) -> Benchmark:
        """Every session, or the next one of each drill if the exercise is ``fresh``: ``unfinished`` until the last one."""
        made = len(self._before.processes) if self._before is not None else 0
        for number in range(made, made + 1 if self._exercise.fresh else self._exercise.most):
            due = self._due()
            if number >= self._exercise.least and not due:
                break
            for course in due:
                if not self._in_time():
                    break
                self._visit(course)
        if self._exercise.fresh and made + 1 < self._exercise.most and self._due() and self._in_time():
            return replace(self._found(()), unfinished=True)
        return self._finished()

    def _due(self) -> list[_Course]:
        return [course for course in self._courses if not course.lost and not self._decided(course)]

    def _finished(self) -> Benchmark:
        for course in self._courses:
            if not course.lost:
                self._check(course)
        sustained = tuple(self._kept_up(device) for device in self._singles) if self._exercise.sustained else ()
        return self._found(sustained)

    def _found(self, sustained: tuple[Sustained, ...]) -> Benchmark:
        took = round((self._clock() - self._begun) * 1e6)
        before = self._before.processes if self._before is not None else ()
        return Benchmark(
            exercise=self._exercise,
            machines=tuple(device.machine for device in self._devices),
            figures=tuple(self._measured(course) for course in self._courses),
            sustained=sustained,
            decided=all(self._decided(course) for course in self._courses if not course.drill.absent),
            processes=(*before, took) if self._exercise.fresh else (),
        )

    def _in_time(self) -> bool:
        self._alive()
        return self._clock() < self._end

    def _decided(self, course: _Course) -> bool:
        """Were there enough undisturbed sessions to know the zone, or to know that there is nothing to compare with?"""
        if len(course.sessions) < self._exercise.least:
            return False
        device = course.device.machine.device
        machines = [one.machine for one in self._devices]
        known = self._baseline and self._baseline.figure(course.drill.name, model_of(device, machines))
        if not known or known.work != course.drill.work:
            return True
        around = (one.sessions for one in self._courses if canary_device(one.device.machine.device) == canary_device(device))
        quiet = calm(session for sessions in around for session in sessions)
        left = undisturbed(course.sessions, quiet, self._exercise.drift)
        if len(left) < LEAST_SESSIONS:
            return False
        zone = decided([session.middle for session in left], known.times, self._exercise.tolerance)
        return zone is not Zone.UNDECIDED

    def _visit(self, course: _Course) -> None:
        def session() -> Session:
            canary = self._canaries[course.device.machine.device]
            before = canary.time(_CANARIES)
            samples = course.drill.time(SAMPLES)
            return Session(samples=tuple(samples), canary=(*before, *canary.time(_CANARIES)))

        made = self._guarded(course, session)
        if made is not None:
            course.sessions.append(made)
            if len(course.sessions) == 1:
                self._check(course)

    def _check(self, course: _Course) -> None:
        """Compare results: after the first session, and at the end, when the device is hottest."""
        check = course.drill.check
        if check is None or self._clock() > self._end + _SECONDS_FOR_REST:
            return
        self._alive()
        found = self._guarded(course, check)
        if found is not None:
            course.checks.append(found)

    def _guarded(self, course: _Course, work: Callable[[], T]) -> T | None:
        """What *work* gives. If the device fails, it is lost, and so are all its remaining drills."""
        name = course.device.machine.device
        if name not in self._gone:
            try:
                return work()
            except Stopped:
                raise
            except (ArcOpsError, MemoryError) as error:
                self._gone[name] = str(error) or type(error).__name__
        for other in self._courses:
            if other.device.machine.device == name and not other.lost:
                other.lost = f"{_LOST}{self._gone[name]}"
        return None

    def _kept_up(self, device: Device) -> Sustained:
        moments: list[Moment] = []
        name = device.machine.device
        said = f"{_LOST}{self._gone[name]}" if name in self._gone else ""
        begun = self._clock()
        try:
            for moment in device.sustain(self._exercise.sustained) if not said else ():
                self._alive()
                moments.append(moment)
                if self._clock() - begun > 2 * self._exercise.sustained / 1e6 + _SECONDS_FOR_REST:
                    said = "the load did not end in time"
                    break
        except Stopped:
            raise
        except (ArcOpsError, MemoryError) as error:
            self._gone[name] = said = f"{_LOST}{error}"
        return Sustained(device=name, name="sustained", moments=tuple(moments), said=said)

    def _measured(self, course: _Course) -> Measured:
        said = course.drill.absent or course.lost
        if not said and len(course.sessions) < self._exercise.least:
            made = len(course.sessions)
            said = f"the time ended after {made} of at least {self._exercise.least} sessions; use a larger budget"
        return Measured(
            name=course.drill.name,
            device=course.device.machine.device,
            unit=course.drill.unit,
            work=course.drill.work,
            sessions=tuple(course.sessions),
            checked=_together(course.checks),
            said=said,
        )


def _course(device: Device, drill: Drill, before: Benchmark | None) -> _Course:
    name = device.machine.device
    for figure in before.figures if before is not None else ():
        if (figure.name, figure.device) == (drill.name, name):
            checks = [figure.checked] if figure.checked is not None else []
            lost = drill.absent or (figure.said if figure.said.startswith(_LOST) else "")
            return _Course(device=device, drill=drill, sessions=list(figure.sessions), checks=checks, lost=lost)
    return _Course(device=device, drill=drill, lost=drill.absent)


def _together(checks: Sequence[Checked]) -> Checked | None:
    if not checks:
        return None
    return Checked(
        how=checks[0].how,
        compared=sum(one.compared for one in checks),
        wrong=sum(one.wrong for one in checks),
    )
