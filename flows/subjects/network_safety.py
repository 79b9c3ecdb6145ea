"""The flow ``network-safety``: what can talk to what, and whether anything may that should not."""

from __future__ import annotations

from flows.prefect.api import State, flow
from flows.prefect.flow import Aside, evaluate
from flows.prefect.parameters import Context, Manifests, Output, PolicyName
from flows.subjects.evaluations import NETWORK_SAFETY


@flow(name=NETWORK_SAFETY.flow, persist_result=False, validate_parameters=True)
async def network_safety(
    target: Manifests = "",
    policy: PolicyName = NETWORK_SAFETY.policy,
    output: Output = "",
    context: Context = "",
) -> State[None]:
    """Judge the manifests at *target*, or the cluster at *context*, by the gates of *policy* that rest on the network."""
    return await evaluate(NETWORK_SAFETY, target, policy, (), output, aside=Aside(context=context))
