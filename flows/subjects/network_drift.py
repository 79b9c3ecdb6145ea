"""The flow ``network-drift``: does a cluster still let talk what was declared, and nothing else?"""

from __future__ import annotations

from flows.prefect.api import State, flow
from flows.prefect.flow import Aside, evaluate
from flows.prefect.parameters import Context, Declared, Manifests, Output, PolicyName
from flows.subjects.evaluations import NETWORK_DRIFT


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
