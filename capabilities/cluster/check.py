"""Cluster readiness: look at a Kubernetes cluster, save what was seen, judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from capabilities.contract import Deployed, Left, Place, Scope, always, tool
from capabilities.kept import left_about
from capabilities.live import ROOT, Meant, allowed, checked, looks, meant, parameters
from capabilities.model.check import Judged, evaluate, worker_policy
from flows.plan import all_gates
from flows.subjects.evaluations import CLUSTER_READINESS
from tasks.cluster.snapshot import snapshot
from tasks.kubernetes.listing import Saved, open_to


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotCluster:
    """Which cluster to look at."""

    context: str = ""
    """The context of the kubeconfig, the current one where none is named; through a server, the name that its operator gave."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCluster:
    """The files of a snapshot, each with what is missing from it."""

    files: tuple[Saved, ...]
    name: str
    """The context, or the address of the API server where none was named."""


@tool(title="Save what a cluster says about being ready", scope=Scope.READ, reads_only=True, long=True, connects=always)
def snapshot_cluster(ask: SnapshotCluster, at: Place) -> SavedCluster:
    """List nodes, heartbeats, workloads, storage, quotas, webhooks and the like of a cluster, and return them as files.

    It changes nothing in the cluster and reads no secret. What the cluster does not let us see is named in the index, so that
    no check of the files is GREEN where it is needed.
    """
    cluster = allowed(at, context=ask.context, kubeconfig=ask.kubeconfig, here=True)

    def tick() -> None:
        at.progress(0, 0)

    client = open_to(cluster, at.settings.tier, tick=tick)
    try:
        files = tuple(snapshot(client, tick))
        return SavedCluster(files=files, name=ask.context or client.configuration.host.partition("://")[2].strip("/"))
    finally:
        client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCluster:
    """Which cluster to judge, and by which policy: a saved one, or a live one."""

    saved: Path | None = None
    """The folder of a snapshot, on the machine where the check runs; a live cluster is looked at where none is named."""
    context: str = ""
    """The context of the kubeconfig, the current one where none is named; through a server, the name that its operator gave."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""
    policy: str = "cluster"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


def _looks(ask: CheckCluster) -> bool:
    return ask.saved is None or looks(ask)


def _meant(ask: CheckCluster, at: Place) -> Meant:
    """The saved cluster, or the live one at the context: on one's own command line the current one where none is named."""
    if ask.saved is not None:
        return meant(at, target=ask.saved, context=ask.context, kubeconfig=ask.kubeconfig)
    cluster = checked(at, context=ask.context, kubeconfig=ask.kubeconfig)
    return Meant(target=ROOT, cluster=cluster, named=cluster.context)


def _parameters(ask: CheckCluster, at: Place) -> Mapping[str, object]:
    return {"policy": worker_policy(ask.policy, at), **parameters(_meant(ask, at), at)}


def _answer(ask: CheckCluster, left: Left, at: Place) -> Judged:
    what = _meant(ask, at)
    kind = CLUSTER_READINESS.kind_of(what.cluster)
    return Judged(report=left_about(left, at, name=what.name, kind=kind), artifact=left.artifact)


@tool(
    title="Check a cluster",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    connects=_looks,
    deployed=Deployed(name="cluster-readiness/cluster-readiness", parameters=_parameters, answer=_answer),
)
def check_cluster(ask: CheckCluster, at: Place) -> Judged:
    """Judge whether a Kubernetes cluster is ready for a workload, and keep a signed artifact: GREEN, AMBER or RED.

    Looks at a live cluster by listing alone, or at a saved snapshot. What could not be listed is RED where the policy needs it,
    and so is a cluster that does not answer or falls silent on the way: its artifact says why.
    """
    what = _meant(ask, at)
    report, digest = evaluate(
        what.target,
        CLUSTER_READINESS.kind,
        ask.policy,
        (),
        at,
        named=what.named,
        cluster=what.cluster,
        gates=[gate for gate in all_gates() if CLUSTER_READINESS.judges(gate)],
    )
    return Judged(report=report, artifact=digest)
