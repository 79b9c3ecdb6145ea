"""The flow ``cluster-readiness``: is a Kubernetes cluster ready for a model?"""

from __future__ import annotations

from flows.evaluations import CLUSTER_READINESS
from flows.flow import Aside, evaluate
from flows.parameters import Context, Output, PolicyName, Snapshot
from flows.prefect_api import State, flow


@flow(name=CLUSTER_READINESS.flow, persist_result=False, validate_parameters=True)
async def cluster_readiness(
    target: Snapshot = "",
    policy: PolicyName = CLUSTER_READINESS.policy,
    output: Output = "",
    context: Context = "",
) -> State[None]:
    """Judge the cluster at *context*, or a saved one at *target*, by what *policy* says that a workload needs."""
    return await evaluate(CLUSTER_READINESS, target, policy, (), output, aside=Aside(context=context))
