"""How often is a good machine called slow, and a slow one good? Our rule compared with three others, on noisy machines.

    python -m benches.judging

Each machine is simulated: its baseline once, and then the same machine again, as fast as before or 10 percent slower, by a
tolerance of 5 percent. Our rule is the real one: the sessions of `tasks.gpu.bench.sessions` and the gate. The others get
all the samples that ours took. "false RED": RED though nothing changed. "missed": GREEN though it is slower. If our
rule cannot decide, it says AMBER; the others have no such answer. 300 machines for each line, fixed seeds; a difference of one
in a hundred is chance.

Then: how often the 95 percent interval holds the true ratio, by the number of sessions, if sessions drift by 4 percent; and
how often a machine that is slower by just the tolerance is called RED, with a fixed number of sessions and with "more until
decided", which looks at the interval again and again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from arcops import zones
from arcops.exercise import FOR_A_BASELINE, Exercise
from arcops.finding import Outcome
from arcops.seen.baseline import Baselines
from arcops.seen.benchmark import Benchmark
from arcops.verdict import Verdict
from gates.gpu.benchmark.examples import POLICY, known
from gates.gpu.benchmark.gate import benchmark
from tasks.gpu.bench.sessions import SAMPLES, Sessions
from tests.devices import Planned
from tests.evidence import judged

MACHINES = 300
TRIES = 4000
SLOWER = 1.10
TOLERANCE = 5
NORMAL = 1_000_000
EXERCISE = Exercise(sustained=0, tolerance=TOLERANCE)
FIRST = replace(EXERCISE, least=FOR_A_BASELINE)
JUDGES = replace(POLICY, least_sustained=0)


@dataclass
class Machine:
    """``session`` gives the slowdown that all samples of a session share, and whether the canary has it; ``sample`` that of
    one sample."""

    session: Callable[[random.Random], tuple[float, bool]]
    sample: Callable[[random.Random], float]


def lognormal(sigma: float) -> Callable[[random.Random], float]:
    return lambda draw: draw.lognormvariate(0, sigma)


def unseen(sigma: float) -> Callable[[random.Random], tuple[float, bool]]:
    return lambda draw: (draw.lognormvariate(0, sigma), False)


def heavy(draw: random.Random) -> float:
    return draw.lognormvariate(0, 0.01) * (1 + (draw.paretovariate(1.5) - 0.9 if draw.random() < 0.15 else 0))


def two_clocks(draw: random.Random) -> tuple[float, bool]:
    return (1.08 if draw.random() < 0.3 else 1.0) * draw.lognormvariate(0, 0.005), False


def neighbour(draw: random.Random) -> tuple[float, bool]:
    loud = draw.random() < 0.35
    return draw.uniform(1.2, 1.6) if loud else draw.lognormvariate(0, 0.01), loud


KINDS = {
    "quiet: 1 % in each sample": Machine(unseen(0.001), lognormal(0.01)),
    "sessions that drift by 2 %": Machine(unseen(0.02), lognormal(0.003)),
    "sessions that drift by 4 %": Machine(unseen(0.04), lognormal(0.003)),
    "heavy tails: one sample in 7 up to many times": Machine(unseen(0.005), heavy),
    "two clocks, 8 % apart, 30 % of sessions slow": Machine(two_clocks, lognormal(0.003)),
    "a neighbour in 35 % of sessions, 20 to 60 %": Machine(neighbour, lognormal(0.005)),
}


def times(machine: Machine, draw: random.Random, factor: float) -> Planned:
    """A device that does one drill, session after session, *factor* times as long as it would."""
    shared: list[tuple[float, bool]] = []

    def session(number: int) -> tuple[float, bool]:
        while len(shared) <= number:
            shared.append(machine.session(draw))
        return shared[number]

    def took(number: int) -> int:
        return round(NORMAL * factor * session(number)[0] * machine.sample(draw))

    def canary(number: int) -> int:
        share, felt = session(number)
        return round(1000 * factor * (share if felt else 1) * draw.lognormvariate(0, 0.005))

    return Planned({"copy": took}, canary_takes=canary, fresh=True)


def measured(device: Planned, then: Baselines | None) -> Benchmark:
    exercise, baseline = (EXERCISE, then.baseline) if then else (FIRST, None)
    return Sessions([device], exercise, baseline, lambda: None).run()


def undisturbed(machine: Machine, draw: random.Random) -> tuple[Benchmark, Baselines]:
    """A run that may become a baseline, as `capabilities.gpu.bench.make_baseline` asks: tried again until the canary passes."""
    while True:
        body = measured(times(machine, draw, 1), None)
        found = judged(benchmark, JUDGES, [body, Baselines()])  # type: ignore[arg-type]  # a gate of its own policy
        if all(one.outcome is Outcome.PASS for one in found.findings if one.rule == "benchmark/canary"):
            return body, known(body)


def samples(body: Benchmark) -> list[int]:
    return [took for figure in body.figures for session in figure.sessions for took in session.samples]


def mann_whitney(here: Sequence[int], there: Sequence[int]) -> bool:
    """Is *here* slower, at 5 percent, one-sided, by the normal approximation?"""
    ranked = sorted([(took, 0) for took in here] + [(took, 1) for took in there])
    ranks = sum(rank for rank, (_, side) in enumerate(ranked, 1) if side == 0)
    n, m = len(here), len(there)
    spread = math.sqrt(n * m * (n + m + 1) / 12)
    return (ranks - n * (n + 1) / 2 - n * m / 2) / spread > 1.645


OTHERS: dict[str, Callable[[Sequence[int], Sequence[int]], bool]] = {
    "Mann-Whitney": mann_whitney,
    "mean": lambda here, there: fmean(here) > (1 + TOLERANCE / 100) * fmean(there),
    "min of N": lambda here, there: min(here) > (1 + TOLERANCE / 100) * min(there),
}


def tried(machine: Machine, factor: float) -> dict[str, dict[Verdict, int]]:
    """How often each rule gave which verdict."""
    counts = {name: dict.fromkeys(Verdict, 0) for name in ("ours", *OTHERS)}
    sessions = 0
    for number in range(MACHINES):
        draw = random.Random(number)  # noqa: S311  # no secret: the same machines every time
        before, then = undisturbed(machine, draw)
        after = measured(times(machine, draw, factor), then)
        sessions += len(after.figures[0].sessions)
        found = judged(benchmark, JUDGES, [after, then])  # type: ignore[arg-type]  # a gate of its own policy
        said = [one.outcome.verdict for one in found.findings if one.rule == "benchmark/baseline"]
        counts["ours"][max(said)] += 1
        for name, slow in OTHERS.items():
            counts[name][Verdict.RED if slow(samples(after), samples(before)) else Verdict.GREEN] += 1
    counts["sessions"] = {Verdict.AMBER: round(10 * sessions / MACHINES)}
    return counts


def held() -> None:
    """Coverage, and the edge of the tolerance."""
    print(f"\n{'sessions':>9} {'interval holds the truth':>25} {'too low':>8} {'too high, so RED at the edge':>29}")
    for count in (3, 4, 5, 6, 7, 9, 11, 15):
        draw = random.Random(count)  # noqa: S311  # no secret
        low = high = 0
        for _ in range(TRIES):
            here, there = (sorted(_drifting(draw) for _ in range(count)) for _ in range(2))
            interval = [zones._percentile(here, there, per_mille) for per_mille in (25, 975)]
            low += interval[1] < zones.PPM
            high += interval[0] > zones.PPM
        print(f"{count:9} {100 - 100 * (low + high) / TRIES:23.1f} % {100 * low / TRIES:6.1f} % {100 * high / TRIES:27.1f} %")
    draw, red = random.Random(0), 0  # noqa: S311  # no secret
    for _ in range(TRIES):
        there = [_drifting(draw) for _ in range(FOR_A_BASELINE)]
        here = [_drifting(draw) * (100 + TOLERANCE) // 100 for _ in range(EXERCISE.least)]
        while (zone := zones.compare(here, there).zone(TOLERANCE)) is zones.Zone.UNDECIDED and len(here) < EXERCISE.most:
            here.append(_drifting(draw) * (100 + TOLERANCE) // 100)
        red += zone is zones.Zone.BEYOND
    many = f"{EXERCISE.least} to {EXERCISE.most} until decided"
    print(f"{many}, against a baseline of {FOR_A_BASELINE}: RED at the edge {100 * red / TRIES:.1f} %")


def _drifting(draw: random.Random) -> int:
    return round(NORMAL * draw.lognormvariate(0, 0.04))


def main() -> None:
    print(f"{'machine':48} {'rule':13} {'false RED':>9} {'missed':>7} {'AMBER well':>11} {'AMBER slow':>11} {'sessions':>9}")
    for kind, machine in KINDS.items():
        well, slow = tried(machine, 1.0), tried(machine, SLOWER)
        for rule in ("ours", *OTHERS):
            shares = (well[rule][Verdict.RED], slow[rule][Verdict.GREEN], well[rule][Verdict.AMBER], slow[rule][Verdict.AMBER])
            told = [f"{100 * share / MACHINES:.1f} %" for share in shares]
            count = f"{well['sessions'][Verdict.AMBER] / 10:.1f}" if rule == "ours" else ""
            print(f"{kind:48} {rule:13} {told[0]:>9} {told[1]:>7} {told[2]:>11} {told[3]:>11} {count:>9}")
            kind = ""
    held()
    print(f"\nEach session has {SAMPLES} samples; at least {EXERCISE.least} sessions, at most {EXERCISE.most}.")


if __name__ == "__main__":
    main()
