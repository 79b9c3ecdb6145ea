"""Situations for the gate `benchmark`, in every colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arcops.evidence import Body
from arcops.exercise import Exercise
from arcops.gate import Example
from arcops.seen.baseline import Baseline, Baselines, canary_times, known_figures
from arcops.seen.benchmark import Benchmark, Checked, Machine, Measured, Moment, Session, Sustained, Unit
from arcops.signer import ProvenSigner, SignerRule
from arcops.subject import Digest, Subject
from arcops.verdict import Verdict
from gates.breach import Weight
from gates.gpu.benchmark.policy import BenchmarkPolicy

DEVICE = "GPU-11111111-2222-3333-4444-555555555555"
KEY = f"sha256:{'a1' * 32}"
POLICY = BenchmarkPolicy(signers=(SignerRule(key=KEY),))
MADE = datetime(2026, 11, 1, tzinfo=UTC)
_SPREAD = (0, 3, -2, 5, -4, 1, -1, 2, 4, -3)


def session(took: int, *, canary: int = 1_000_000) -> Session:
    """Samples of about *took* nanoseconds."""
    return Session(samples=tuple(took + took * part // 1000 for part in (-2, 0, 3)), canary=(canary, canary + 900))


def figure(name: str, took: int, *, sessions: int = 5, unit: Unit = Unit.BYTES, work: int = 2**30) -> Measured:
    """*sessions* that differ by less than one percent."""
    times = (took + took * _SPREAD[number % len(_SPREAD)] // 1000 for number in range(sessions))
    return Measured(
        name=name,
        device=DEVICE,
        unit=unit,
        work=work,
        sessions=tuple(session(time) for time in times),
        checked=Checked(how="every element", compared=4096, wrong=0),
    )


def kept_up(*, moments: int = 20, reasons: tuple[str, ...] | None = ()) -> Sustained:
    """Ten seconds without a change."""
    each = 10_000_000 // moments
    return Sustained(
        device=DEVICE,
        name="sustained",
        moments=tuple(
            Moment(at=number * each, took=each * 1000, clock=1700, celsius=60, power=600_000, reasons=reasons)
            for number in range(moments)
        ),
    )


def run(*figures: Measured) -> Benchmark:
    """A run of *figures* on one device."""
    return Benchmark(
        exercise=Exercise(fresh=True),
        machines=(Machine(device=DEVICE, model="NVIDIA H200", software="driver 580.95.05"),),
        figures=figures or (figure("memory-copy", 500_000), figure("gemm-bf16", 900_000, unit=Unit.OPERATIONS)),
        sustained=(kept_up(),),
        decided=True,
    )


def known(body: Benchmark) -> Baselines:
    """A baseline of *body*, signed by a key that the policy names."""
    baseline = Baseline(
        subject=Subject(name="node-7", kind="gpu-node", digests=(Digest(algorithm="sha256", value="0c" * 32),)),
        site="north",
        artifact=f"sha256:{'b2' * 32}",
        evidence=f"sha256:{'c3' * 32}",
        verdict=Verdict.AMBER,
        measured_at=MADE,
        exercise=body.exercise,
        machines=body.machines,
        figures=known_figures(body),
        canary=canary_times(body),
    )
    return Baselines(baseline=baseline, signers=(ProvenSigner(key=KEY),), file="d4" * 32)


def slower(body: Benchmark, name: str, per_cent: int) -> Benchmark:
    """*body* with every sample of the figure *name* longer by *per_cent*."""
    figures = tuple(_slower(one, per_cent) if one.name == name else one for one in body.figures)
    return replace(body, figures=figures)


def _slower(one: Measured, per_cent: int) -> Measured:
    sessions = (replace(part, samples=tuple(took * (100 + per_cent) // 100 for took in part.samples)) for part in one.sessions)
    return replace(one, sessions=tuple(sessions))


def examples() -> Iterator[Example[BenchmarkPolicy]]:
    well = run()
    then = known(well)

    def example(name: str, verdict: Verdict, *evidence: Body, policy: BenchmarkPolicy = POLICY) -> Example[BenchmarkPolicy]:
        return Example(name=name, verdict=verdict, evidence=evidence, policy=policy)

    yield example("as fast as in the baseline, and correct", Verdict.GREEN, well, then)
    yield example("three percent slower, which is within the tolerance", Verdict.GREEN, slower(well, "memory-copy", 3), then)
    yield example(
        "no baseline, and the policy requires none",
        Verdict.GREEN,
        well,
        Baselines(),
        policy=replace(POLICY, without_baseline=Weight.PASS),
    )
    shared = replace(well, exercise=Exercise())
    yield example("sessions that shared a process", Verdict.AMBER, shared, then)
    yield example("the same, ten percent slower", Verdict.AMBER, slower(shared, "gemm-bf16", 10), then)
    yield example("the last process was not reached", Verdict.RED, replace(well, unfinished=True), then)
    yield example("no baseline", Verdict.AMBER, well, Baselines())
    yield example("so close to the tolerance that the result is unclear", Verdict.AMBER, slower(well, "memory-copy", 5), then)
    yield example("slow only while other work ran", Verdict.AMBER, _disturbed(well), then)
    yield example("much faster than in the baseline", Verdict.AMBER, well, known(slower(well, "memory-copy", 60)))
    yield example("power was capped", Verdict.AMBER, _load(well, reasons=("software-power-cap",)), then)
    yield example("ten percent slower", Verdict.RED, slower(well, "gemm-bf16", 10), then)
    yield example("one wrong result", Verdict.RED, _wrong(well), then)
    yield example("slowed down by heat", Verdict.RED, _load(well, reasons=("hardware-thermal-slowdown",)), then)
    yield example("a device that was lost during the run", Verdict.RED, _lost(well), then)
    yield example("no GPU", Verdict.RED, replace(well, machines=(), figures=(), sustained=(), said="BLOCKED: no GPU"), then)
    yield example("a baseline that was changed", Verdict.RED, well, Baselines(said="no given key verifies it", file="e5" * 32))
    other = ProvenSigner(key=f"sha256:{'f6' * 32}")
    yield example(
        "a baseline signed by a key that the policy does not name", Verdict.RED, well, replace(then, signers=(other,))
    )
    yield example("a baseline of another model", Verdict.RED, _other_model(well), then)
    yield example("a baseline that is too old", Verdict.RED, well, _older(then))


def _load(body: Benchmark, *, reasons: tuple[str, ...]) -> Benchmark:
    return replace(body, sustained=(kept_up(reasons=reasons),))


def _wrong(body: Benchmark) -> Benchmark:
    first, *rest = body.figures
    return replace(body, figures=(replace(first, checked=Checked(how="every element", compared=4096, wrong=1)), *rest))


def _lost(body: Benchmark) -> Benchmark:
    first, *rest = body.figures
    return replace(body, figures=(replace(first, said="the device was lost: it fell off the bus"), *rest))


def _other_model(body: Benchmark) -> Benchmark:
    return replace(body, machines=tuple(replace(machine, model="NVIDIA L4") for machine in body.machines))


def _older(given: Baselines) -> Baselines:
    assert given.baseline is not None  # noqa: S101  # it was made above
    return replace(given, baseline=replace(given.baseline, measured_at=MADE - timedelta(days=400)))


def _disturbed(body: Benchmark) -> Benchmark:
    """Most sessions of one figure were slow, and the canary with them."""
    first, *rest = body.figures
    calm = figure(first.name, 500_000, sessions=3).sessions
    loud = tuple(session(700_000, canary=1_500_000) for _ in range(12))
    others = tuple(figure(one.name, one.times[0], sessions=15, unit=one.unit) for one in rest)
    return replace(body, figures=(replace(first, sessions=(*calm, *loud)), *others))
