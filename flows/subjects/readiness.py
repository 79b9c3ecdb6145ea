"""The flow ``readiness``: every gate that the policy names, whatever it rests on."""

from __future__ import annotations

from flows.prefect.api import State, flow
from flows.prefect.flow import evaluate
from flows.prefect.parameters import Attached, Output, PolicyName, Target
from flows.subjects.evaluations import READINESS


@flow(name=READINESS.flow, persist_result=False, validate_parameters=True)
async def readiness(
    target: Target, policy: PolicyName = READINESS.policy, attached: Attached = (), output: Output = ""
) -> State[None]:
    """Judge the model at *target* by every gate of *policy*."""
    return await evaluate(READINESS, target, policy, attached, output)
