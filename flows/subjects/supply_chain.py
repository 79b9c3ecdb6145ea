"""The flow ``supply-chain``: what a model is, who signed it, what it is made of, and what is known against it."""

from __future__ import annotations

from flows.prefect.api import State, flow
from flows.prefect.flow import evaluate
from flows.prefect.parameters import Attached, Output, PolicyName, Target
from flows.subjects.evaluations import SUPPLY_CHAIN


@flow(name=SUPPLY_CHAIN.flow, persist_result=False, validate_parameters=True)
async def supply_chain(
    target: Target, policy: PolicyName = SUPPLY_CHAIN.policy, attached: Attached = (), output: Output = ""
) -> State[None]:
    """Judge the model at *target* by the gates of *policy* that rest on its files."""
    return await evaluate(SUPPLY_CHAIN, target, policy, attached, output)
