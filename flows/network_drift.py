"""The flow ``network-drift``: does a cluster still let talk what was declared, and nothing else?"""

from __future__ import annotations

from flows.evaluations import NETWORK_DRIFT
from flows.flow import Aside, evaluate
from flows.parameters import Context, Declared, Manifests, Output, PolicyName
from flows.prefect_api import State, flow


@flow(name=NETWORK_DRIFT.flow, persist_result=False, validate_parameters=True)
async def network_drift(
    declared: Declared,
    target: Manifests = "",
    policy: PolicyName = NETWORK_DRIFT.policy,
    output: Output = "",
    context: Context = "",
) -> State[None]:
    """Hold the cluster at *context*, or a saved one at *target*, against the manifests at *declared*."""
    aside = Aside(context=context, declared=declared)
    return await evaluate(NETWORK_DRIFT, target, policy, (), output, aside=aside)
