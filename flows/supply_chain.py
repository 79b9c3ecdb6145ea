"""The flow ``supply-chain``: what a model is, who signed it, what it is made of, and what is known against it."""

from __future__ import annotations

from arcops.seen.tree import Tree
from flows.flow import evaluate
from flows.plan import rests_on
from flows.prefect_api import State, flow


@flow(name="supply-chain", persist_result=False, validate_parameters=True)
async def supply_chain(target: str, policy: str = "sovereign", attached: tuple[str, ...] = (), output: str = "") -> State[None]:
    """Judge the model at *target* by the gates of *policy* that rest on its files."""
    return await evaluate(target, policy, attached, output, judges=lambda gate: rests_on(gate, Tree))
