"""The flow ``node-benchmark``: does the processor of a node without a GPU calculate right, and as fast as it should?"""

from __future__ import annotations

from arcops.exercise import FOR_A_BASELINE, Exercise
from arcops.zones import LEAST_SESSIONS
from flows.prefect.api import State, flow
from flows.prefect.flow import evaluate
from flows.prefect.parameters import BaselineFile, BenchmarkBudget, Output, PolicyName, Size, Tolerance
from flows.subjects.evaluations import NODE_BENCHMARK


@flow(name=NODE_BENCHMARK.flow, persist_result=False, validate_parameters=True)
async def node_benchmark(
    policy: PolicyName = NODE_BENCHMARK.policy,
    baseline: BaselineFile = "",
    tolerance: Tolerance = 50,
    budget_s: BenchmarkBudget = 600,
    size: Size = 1000,
    output: Output = "",
) -> State[None]:
    """Measure the processor of the machine where the worker runs, by the gates of *policy* that rest on a benchmark."""
    least = LEAST_SESSIONS if baseline else FOR_A_BASELINE
    exercise = Exercise(
        cpu=True,
        least=least,
        tolerance=tolerance,
        budget=budget_s * 1_000_000,
        size=size,
    )
    return await evaluate(NODE_BENCHMARK, "/", policy, (baseline,) if baseline else (), output, exercise=exercise)
