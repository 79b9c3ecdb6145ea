"""Does the machine calculate right, as fast as the site's own baseline, and as fast at the end as at the beginning?

Why: a device can be healthy by every signal of its driver and still be slow, or wrong. One run on a busy machine says little. A
mean of samples that share one disturbance says less. So a result is called slow only if chance and other load are ruled out.

Judged: results against exact references. The sessions of every figure, each in a process of its own, against the signed
baseline: RED if even the good end of the 99.8 percent interval, and the fastest session, are beyond the tolerance; GREEN if
even the bad end of the 95 percent interval is within it, or if the ratio is within three quarters of it and that end within
less than twice; else AMBER. Sessions that shared a process are never called slow. A canary (a small, fixed piece of work)
that runs before and after every session. A sustained load. Sessions in which the canary was slow are left out; if too few
remain, no figure is called slow. The canary's undisturbed time is taken from the run itself: if the canary is slow all the
time, no session counts as disturbed, because then the device is slow.

Fix: Stop all other work, and measure again. If it is still slow or wrong, the cause is cooling, power, clocks or the device.
Make the baseline from a healthy machine: 'arcops gpu baseline ARTIFACT -o site.json'.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding
from arcops.gate import gate
from arcops.seen.baseline import Baselines
from arcops.seen.benchmark import Benchmark
from arcops.subjects.gpu import Node
from gates.gpu.benchmark.baseline import BASELINE, against_baseline
from gates.gpu.benchmark.calm import CANARY, Calm
from gates.gpu.benchmark.load import SUSTAINED, kept_up
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.benchmark.results import CORRECT, MEASURED, correct, measured

_RULES = (MEASURED, CORRECT, BASELINE, CANARY, SUSTAINED)
_UNBLOCK = (
    "Make the device available to this process, or measure the processor ('--cpu') on a node without a GPU; then measure again."
)


@gate(
    "benchmark",
    judges=(Node,),
    needs=(Benchmark, Baselines),
    policy=BenchmarkPolicy,
    rules=_RULES,
    speaks_to=nist("CP-2(2)") + soc("A1.1"),
)
def benchmark(seen: Seen, policy: BenchmarkPolicy) -> Iterator[Finding]:
    found, given = seen[Benchmark], seen[Baselines]
    if found.body.said:
        yield from _blocked(found)
        return
    calm = Calm(found.body, policy.most_drift)
    yield from measured(found, given, policy)
    yield from correct(found, policy)
    yield from against_baseline(found, given, policy, calm, at=seen.at, skew=seen.skew)
    yield from calm.findings(found, given, policy)
    yield from kept_up(found, policy)


def _blocked(found: Evidence[Benchmark]) -> Iterator[Finding]:
    for rule in _RULES:
        yield rule.unknown(f"{found.body.said}.", found, fix=_UNBLOCK)
