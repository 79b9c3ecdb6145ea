"""The flow ``gpu-benchmark``: do the GPUs of this node calculate right, and as fast as they should?"""

from __future__ import annotations

from arcops.exercise import FOR_A_BASELINE, Exercise
from arcops.zones import LEAST_SESSIONS
from flows.prefect.api import State, flow
from flows.prefect.flow import evaluate
from flows.prefect.parameters import BaselineFile, BenchmarkBudget, Output, PolicyName, Tolerance
from flows.subjects.evaluations import GPU_BENCHMARK


@flow(name=GPU_BENCHMARK.flow, persist_result=False, validate_parameters=True)
async def gpu_benchmark(
    policy: PolicyName = GPU_BENCHMARK.policy,
    baseline: BaselineFile = "",
    tolerance: Tolerance = 50,
    budget_s: BenchmarkBudget = 600,
    output: Output = "",
) -> State[None]:
    """Measure the GPUs of the machine where the worker runs, by the gates of *policy* that rest on a benchmark."""
    least = LEAST_SESSIONS if baseline else FOR_A_BASELINE
    exercise = Exercise(least=least, tolerance=tolerance, budget=budget_s * 1_000_000)
    return await evaluate(GPU_BENCHMARK, "/", policy, (baseline,) if baseline else (), output, exercise=exercise)
