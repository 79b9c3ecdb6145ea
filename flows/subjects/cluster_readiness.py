"""The flow ``cluster-readiness``: is a Kubernetes cluster ready for a model?"""

from __future__ import annotations

from flows.prefect.api import State, flow
from flows.prefect.flow import Aside, evaluate
from flows.prefect.parameters import Context, Output, PolicyName, Snapshot
from flows.subjects.evaluations import CLUSTER_READINESS


@flow(name=CLUSTER_READINESS.flow, persist_result=False, validate_parameters=True)
async def cluster_readiness(
    target: Snapshot = "",
    policy: PolicyName = CLUSTER_READINESS.policy,
    output: Output = "",
    context: Context = "",
) -> State[None]:
    """Judge the cluster at *context*, or a saved one at *target*, by what *policy* says that a workload needs."""
    return await evaluate(CLUSTER_READINESS, target, policy, (), output, aside=Aside(context=context))
