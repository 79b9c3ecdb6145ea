"""A site's baseline: the figures of healthy machines of one kind, in one signed file that is complete by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.calm import calm, canary_device, undisturbed
from arcops.errors import Refused
from arcops.evidence import Body
from arcops.exercise import Exercise
from arcops.repairing import TRUST, Repair
from arcops.seen.benchmark import Benchmark, Machine, Measured, Unit
from arcops.signer import ProvenSigner
from arcops.subject import Subject
from arcops.verdict import Verdict
from arcops.zones import LEAST_SESSIONS, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One figure of one model: ``times`` are the medians of sessions in nanoseconds, of all devices of that model together."""

    name: str
    model: str
    unit: Unit
    work: int
    times: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryTimes:
    """What the canary took on one model, in nanoseconds: the median of each session."""

    model: str
    times: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """``artifact`` is the sealed report that the baseline was made from, whose ``verdict`` was not RED; ``evidence`` is the
    digest of the samples behind it. ``site`` may be empty.
    """

    subject: Subject
    site: str
    artifact: str
    evidence: str
    verdict: Verdict
    measured_at: datetime
    exercise: Exercise
    machines: tuple[Machine, ...]
    figures: tuple[Known, ...]
    canary: tuple[CanaryTimes, ...]

    def __post_init__(self) -> None:
        if self.verdict is Verdict.RED:
            raise Refused("a baseline was made from a RED artifact, so the machine was not healthy; measure again")
        if len({(known.name, known.model) for known in self.figures}) != len(self.figures) or not self.figures:
            raise Refused("a baseline has no figure, or has one figure twice")
        for model, times in ((one.model, one.times) for group in (self.figures, self.canary) for one in group):
            if len(times) < LEAST_SESSIONS or min(times) <= 0:
                raise Refused(
                    f"a baseline has {len(times)} session(s) of a {model}, or a time that is not positive;"
                    f" at least {LEAST_SESSIONS} are needed"
                )

    def figure(self, name: str, model: str) -> Known | None:
        """The figure *name* on a *model*, or ``None``."""
        return next((known for known in self.figures if (known.name, known.model) == (name, model)), None)

    def canary_on(self, model: str) -> CanaryTimes | None:
        """The times of the canary on a *model*, or ``None``."""
        return next((one for one in self.canary if one.model == model), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines(Body):
    """The baseline that was given, or ``None``. ``said`` is why a given baseline cannot be trusted, else empty.

    ``signers`` are keys of the trust folder whose signatures were proven; ``file`` is the file's SHA-256, lower-case hex.
    """

    KIND: ClassVar[str] = "benchmark-baseline"
    REPAIRS: ClassVar[tuple[Repair, ...]] = TRUST

    baseline: Baseline | None = None
    signers: tuple[ProvenSigner, ...] = ()
    file: str = ""
    said: str = ""

    @property
    def attached_read(self) -> frozenset[str]:
        return frozenset((self.file,)) if self.file else frozenset()


def model_of(device: str, machines: Iterable[Machine]) -> str:
    """The model of *device*, or the two models of a copy between two devices, joined by ``>`` as these are."""
    models = {machine.device: machine.model for machine in machines}
    return models.get(device) or ">".join(models.get(one, "") for one in device.split(">"))


def known_figures(body: Benchmark) -> tuple[Known, ...]:
    """Every figure that was measured, the sessions of equal devices together, without those that were disturbed.

    If too few sessions of a figure are left, all its sessions are used.

    Raises `Refused` if two devices of one model did different work, because their times cannot be compared.
    """
    found: dict[tuple[str, str], Known] = {}
    for figure in body.figures:
        if figure.sessions:
            one = _known(figure, body)
            before = found.get((one.name, one.model))
            if before is not None and before.work != one.work:
                raise Refused(f"two devices did different work for {one.name!r}, so they cannot be in one baseline")
            times = (*(before.times if before else ()), *one.times)
            found[one.name, one.model] = Known(name=one.name, model=one.model, unit=one.unit, work=one.work, times=times)
    return tuple(found.values())


def canary_times(body: Benchmark) -> tuple[CanaryTimes, ...]:
    """What the canary took on each model."""
    found: dict[str, list[int]] = {}
    for figure in body.figures:
        for session in figure.sessions:
            found.setdefault(model_of(figure.device.partition(">")[0], body.machines), []).append(median(session.canary))
    return tuple(CanaryTimes(model=model, times=tuple(times)) for model, times in found.items())


def _known(figure: Measured, body: Benchmark) -> Known:
    around = (one.sessions for one in body.figures if canary_device(one.device) == canary_device(figure.device))
    quiet = calm(session for sessions in around for session in sessions)
    left = undisturbed(figure.sessions, quiet, body.exercise.drift)
    return Known(
        name=figure.name,
        model=model_of(figure.device, body.machines),
        unit=figure.unit,
        work=figure.work,
        times=tuple(session.middle for session in (left if len(left) >= LEAST_SESSIONS else figure.sessions)),
    )
