"""The flow ``readiness``: every gate that the policy names, whatever it rests on."""

from __future__ import annotations

from flows.flow import evaluate
from flows.prefect_api import State, flow


@flow(name="readiness", persist_result=False, validate_parameters=True)
async def readiness(target: str, policy: str = "sovereign", attached: tuple[str, ...] = (), output: str = "") -> State[None]:
    """Judge the model at *target* by every gate of *policy*."""
    return await evaluate(target, policy, attached, output, judges=lambda gate: True)
