"""The evaluation of a *cluster*, and of the workloads that ask to run in one."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.subjects.cluster import NamedCluster, Workload
from flows.place import Place
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import ROOT, Meant, existing, means

CLUSTER_READINESS = Evaluation(
    flow="cluster-readiness", subject=NamedCluster, doc="Judge whether a Kubernetes cluster is ready for a model."
)
ADMISSION = Evaluation(flow="admission", subject=Workload, doc="Judge whether workloads may run the models that they name.")


@means(NamedCluster)
def cluster(found: NamedCluster, at: Place) -> Meant:
    """The saved cluster, or the live one. On one's own command line that is the current one if none is named.

    Raises `Refused` if both are named.
    """
    if found.saved is not None:
        if found.context or found.kubeconfig is not None:
            raise Refused("both a saved cluster and a live one are named; name one of them")
        return Meant(target=existing(found.saved, at))
    from flows.subjects.live import looked_at  # this imports Kubernetes, which a saved cluster and a workload do not need

    live = looked_at(at, context=found.context, kubeconfig=found.kubeconfig)
    return Meant(target=ROOT, cluster=live, named=live.context)
