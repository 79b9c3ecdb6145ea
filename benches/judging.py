"""How often is a good machine called slow, and a slow one good? Our rule compared with three others, on noisy machines.

    python -m benches.judging [--machines 300] [--process 4.2]

Each machine is simulated: its baseline once, and then the same machine again, as fast as before, or 10 or 20 percent slower, by
a tolerance of 5 percent. Our rule is the real one: the processes of `tasks.gpu.bench.sessions` and the gate. The others get all
samples that ours took. "false RED": RED though nothing changed. "missed": GREEN though it is slower. If our rule cannot decide,
it says AMBER; the others have no such answer. Fixed seeds; with 300 machines, a difference of one in a hundred is chance.

``process`` is how many seconds one process takes (opening the device, one session of each figure); minutes follow from it.

Then: what it costs to decide with as many processes as are needed, and with a fixed number of them that has the same errors.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from arcops.exercise import FOR_A_BASELINE, Exercise
from arcops.finding import Outcome
from arcops.seen.baseline import Baseline, Baselines
from arcops.seen.benchmark import Benchmark
from arcops.verdict import Verdict
from gates.gpu.benchmark.examples import POLICY, known
from gates.gpu.benchmark.gate import benchmark
from tasks.gpu.bench.sessions import SAMPLES, Sessions
from tests.devices import Planned
from tests.evidence import judged

SLOWER = (1.10, 1.20)
TOLERANCE = 5
NORMAL = 1_000_000
EXERCISE = Exercise(sustained=0, tolerance=TOLERANCE, fresh=True)
FIRST = replace(EXERCISE, least=FOR_A_BASELINE)
JUDGES = replace(POLICY, least_sustained=0)

Levels = Callable[[random.Random], Callable[[], tuple[float, bool]]]
"""For one visit of a machine: the slowdown that all samples of the next process share, and whether the canary has it too."""


@dataclass
class Machine:
    """``levels`` are of a whole process; ``sample`` is the slowdown of one sample."""

    levels: Levels
    sample: Callable[[random.Random], float]


def lognormal(sigma: float) -> Callable[[random.Random], float]:
    return lambda draw: draw.lognormvariate(0, sigma)


def apart(sigma: float) -> Levels:
    """Each process has a level of its own, which the canary does not feel."""
    return lambda draw: lambda: (draw.lognormvariate(0, sigma), False)


def following(sigma: float, share: float) -> Levels:
    """Each level follows the one before it: *share* of it stays."""

    def begin(draw: random.Random) -> Callable[[], tuple[float, bool]]:
        now = [draw.gauss(0, sigma)]

        def level() -> tuple[float, bool]:
            now[0] = share * now[0] + draw.gauss(0, sigma * math.sqrt(1 - share**2))
            return math.exp(now[0]), False

        return level

    return begin


def warming(most: float) -> Levels:
    """Slower with each process, up to *most* after fifteen, each time by another share of it."""

    def begin(draw: random.Random) -> Callable[[], tuple[float, bool]]:
        step, number = most * draw.random() / 15, [0]

        def level() -> tuple[float, bool]:
            number[0] += 1
            return (1 + step * number[0]) * draw.lognormvariate(0, 0.005), False

        return level

    return begin


def modes(more: float, share: float) -> Levels:
    """Each process is in one of two modes for all its life."""
    return lambda draw: lambda: ((1 + more if draw.random() < share else 1.0) * draw.lognormvariate(0, 0.005), False)


def bursts(felt: bool) -> Levels:
    """Other load begins before one process in twelve, and lasts for some of them."""

    def begin(draw: random.Random) -> Callable[[], tuple[float, bool]]:
        left, loud = [0], [1.0]

        def level() -> tuple[float, bool]:
            if not left[0] and draw.random() < 1 / 12:
                left[0], loud[0] = 1 + int(draw.expovariate(0.7)), draw.uniform(1.2, 1.6)
            if left[0]:
                left[0] -= 1
                return loud[0], felt
            return draw.lognormvariate(0, 0.005), False

        return level

    return begin


def heavy(draw: random.Random) -> float:
    return draw.lognormvariate(0, 0.01) * (1 + (draw.paretovariate(1.5) - 0.9 if draw.random() < 0.15 else 0))


def two_clocks(draw: random.Random) -> float:
    return (1.08 if draw.random() < 0.5 else 1.0) * draw.lognormvariate(0, 0.005)


def neighbour(draw: random.Random) -> Callable[[], tuple[float, bool]]:
    def level() -> tuple[float, bool]:
        loud = draw.random() < 0.35
        return draw.uniform(1.2, 1.6) if loud else draw.lognormvariate(0, 0.01), loud

    return level


KINDS = {
    "independent: 1 % in each sample": Machine(apart(0.001), lognormal(0.01)),
    "between processes: 3 %": Machine(apart(0.03), lognormal(0.003)),
    "between processes: 5 %": Machine(apart(0.05), lognormal(0.003)),
    "following: 3 %, six tenths stay": Machine(following(0.03, 0.6), lognormal(0.003)),
    "following: 3 %, eight tenths stay": Machine(following(0.03, 0.8), lognormal(0.003)),
    "drift: up to 4 % during the run": Machine(warming(0.04), lognormal(0.003)),
    "two clocks in a process, 8 % apart": Machine(apart(0.003), two_clocks),
    "two modes of processes, 8 % apart, 30 % slow": Machine(modes(0.08, 0.3), lognormal(0.003)),
    "two modes of processes, 8 % apart, half slow": Machine(modes(0.08, 0.5), lognormal(0.003)),
    "two modes of processes, 15 % apart, half slow": Machine(modes(0.15, 0.5), lognormal(0.003)),
    "heavy tails: one sample in 7 up to many times": Machine(apart(0.005), heavy),
    "bursts that the canary does not feel": Machine(bursts(felt=False), lognormal(0.005)),
    "bursts that the canary feels": Machine(bursts(felt=True), lognormal(0.005)),
    "a neighbour beside 35 % of processes": Machine(neighbour, lognormal(0.005)),
}


def times(machine: Machine, draw: random.Random, factor: float) -> Planned:
    """A device that does one drill, session after session, *factor* times as long as it would."""
    shared: list[tuple[float, bool]] = []
    level = machine.levels(draw)

    def session(number: int) -> tuple[float, bool]:
        while len(shared) <= number:
            shared.append(level())
        return shared[number]

    def took(number: int) -> int:
        return round(NORMAL * factor * session(number)[0] * machine.sample(draw))

    def canary(number: int) -> int:
        share, felt = session(number)
        return round(1000 * factor * (share if felt else 1) * draw.lognormvariate(0, 0.005))

    return Planned({"copy": took}, canary_takes=canary, fresh=True)


def measured(device: Planned, then: Baselines | None) -> Benchmark:
    return processes(device, EXERCISE if then else FIRST, then.baseline if then else None)


def processes(device: Planned, exercise: Exercise, baseline: Baseline | None) -> Benchmark:
    """One process after the other, until the last."""
    body: Benchmark | None = None
    while body is None or body.unfinished:
        body = Sessions([device], exercise, baseline, lambda: None, before=body).run()
    return body


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


def judge(body: Benchmark, then: Baselines) -> Verdict:
    found = judged(benchmark, JUDGES, [body, then])  # type: ignore[arg-type]  # a gate of its own policy
    return max(one.outcome.verdict for one in found.findings if one.rule == "benchmark/baseline")


def tried(machine: Machine, factor: float, machines: int) -> dict[str, dict[Verdict, int]]:
    """How often each rule gave which verdict; ``processes`` has ten times the mean number of ours as AMBER."""
    counts = {name: dict.fromkeys(Verdict, 0) for name in ("ours", *OTHERS)}
    made = 0
    for number in range(machines):
        draw = random.Random(number)  # noqa: S311  # no secret: the same machines every time
        before, then = undisturbed(machine, draw)
        after = measured(times(machine, draw, factor), then)
        made += len(after.processes)
        counts["ours"][judge(after, then)] += 1
        for name, slow in OTHERS.items():
            counts[name][Verdict.RED if slow(samples(after), samples(before)) else Verdict.GREEN] += 1
    counts["processes"] = {Verdict.AMBER: round(10 * made / machines)}
    return counts


def cost(machines: int) -> None:
    """As many processes as are needed, and the fewest of a fixed number that are as often undecided."""
    print(f"\n{'machine':48} {'as needed':>10} {'undecided':>10} {'fixed':>7} {'undecided':>10} {'ratio':>6}")
    for kind in ("independent: 1 % in each sample", "between processes: 5 %", "two modes of processes, 8 % apart, half slow"):
        needed, undecided = fixed(KINDS[kind], machines, EXERCISE)
        for many in range(EXERCISE.least, EXERCISE.most + 1):
            _, open_ = fixed(KINDS[kind], machines, replace(EXERCISE, least=many, most=many))
            if open_ <= undecided or many == EXERCISE.most:
                shares = f"{100 * undecided:8.1f} % {many:7} {100 * open_:8.1f} %"
                print(f"{kind:48} {needed:10.1f} {shares} {needed / many:6.2f}")
                break


def fixed(machine: Machine, machines: int, exercise: Exercise) -> tuple[float, float]:
    """The mean number of processes, and the share of equal machines that stay AMBER."""
    made = undecided = 0
    for number in range(machines):
        draw = random.Random(number)  # noqa: S311  # no secret
        _, then = undisturbed(machine, draw)
        body = processes(times(machine, draw, 1.0), exercise, then.baseline)
        made += len(body.processes)
        undecided += judge(body, then) is Verdict.AMBER
    return made / machines, undecided / machines


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--machines", type=int, default=300)
    read.add_argument("--process", type=float, default=4.2, help="seconds of one process")
    asked = read.parse_args()
    columns = "".join(f" {name:>11}" for name in ("missed 10 %", "missed 20 %", "AMBER well", "AMBER 10 %", "AMBER 20 %"))
    print(f"{'machine':48} {'rule':13} {'false RED':>9}{columns} {'processes':>9} {'minutes':>8}")
    for kind, machine in KINDS.items():
        well, *slow = (tried(machine, factor, asked.machines) for factor in (1.0, *SLOWER))
        for rule in ("ours", *OTHERS):
            shares = (
                *(one[rule][Verdict.GREEN] for one in slow),
                well[rule][Verdict.AMBER],
                *(one[rule][Verdict.AMBER] for one in slow),
            )
            told = "".join(f" {100 * share / asked.machines:9.1f} %" for share in shares)
            many = well["processes"][Verdict.AMBER] / 10
            costs = f" {many:9.1f} {many * asked.process / 60:8.1f}" if rule == "ours" else ""
            red = f"{100 * well[rule][Verdict.RED] / asked.machines:7.1f} %"
            print(f"{kind:48} {rule:13} {red:>9}{told}{costs}", flush=True)
            kind = ""
    cost(asked.machines)
    print(f"\nEach session has {SAMPLES} samples; at least {EXERCISE.least} processes, at most {EXERCISE.most}.")
    print(f"A baseline takes {FOR_A_BASELINE}: {FOR_A_BASELINE * asked.process / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
