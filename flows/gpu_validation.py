"""The flow ``gpu-validation``: are this node's GPUs fit to serve?"""

from __future__ import annotations

from flows.evaluations import GPU_VALIDATION
from flows.flow import evaluate
from flows.parameters import Output, PolicyName
from flows.prefect_api import State, flow


@flow(name=GPU_VALIDATION.flow, persist_result=False, validate_parameters=True)
async def gpu_validation(policy: PolicyName = GPU_VALIDATION.policy, output: Output = "") -> State[None]:
    """Judge the GPUs of the machine where the worker runs by the gates of *policy* that rest on evidence about GPUs."""
    return await evaluate(GPU_VALIDATION, "/", policy, (), output)
