"""The flow ``gpu-validation``: are this node's GPUs fit to serve?"""

from __future__ import annotations

from flows.prefect.api import State, flow
from flows.prefect.flow import evaluate
from flows.prefect.parameters import Output, PolicyName
from flows.subjects.evaluations import GPU_VALIDATION


@flow(name=GPU_VALIDATION.flow, persist_result=False, validate_parameters=True)
async def gpu_validation(policy: PolicyName = GPU_VALIDATION.policy, output: Output = "") -> State[None]:
    """Judge the GPUs of the machine where the worker runs by the gates of *policy* that rest on evidence about GPUs."""
    return await evaluate(GPU_VALIDATION, "/", policy, (), output)
