"""Cluster readiness: look at a Kubernetes cluster, save what was seen, judge it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arcops.subjects.cluster import NamedCluster
from capabilities.contract import Scope, always, tool
from capabilities.judging import Judged, deployed, judged
from flows.place import Place
from flows.subjects.cluster import CLUSTER_READINESS
from flows.subjects.live import allowed, looks
from tasks.cluster.snapshot import snapshot
from tasks.kubernetes.listing import Saved, open_to


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotCluster:
    """Which cluster to look at."""

    context: str = ""
    """The context of the kubeconfig, by default the current one; through a server, the name that its operator gave."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, by default one's own. A server takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCluster:
    """The files of a snapshot, each with what is missing from it."""

    files: tuple[Saved, ...]
    name: str
    """The context, or the address of the API server if no context was named."""


@tool(title="Save what a cluster says about being ready", scope=Scope.READ, reads_only=True, long=True, connects=always)
def snapshot_cluster(ask: SnapshotCluster, at: Place) -> SavedCluster:
    """List nodes, heartbeats, workloads, storage, quotas, webhooks and the like of a cluster, and return them as files.

    It changes nothing in the cluster and reads no secret. What the cluster does not show us is named in the index, so a check
    that needs it is not GREEN.
    """
    cluster = allowed(at, context=ask.context, kubeconfig=ask.kubeconfig, here=True)

    def tick() -> None:
        at.progress(0, 0)

    client = open_to(cluster, at.settings.tier, tick=tick)
    try:
        files = tuple(snapshot(client, tick))
        return SavedCluster(files=files, name=ask.context or client.server.partition("://")[2].strip("/"))
    finally:
        client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCluster(NamedCluster):
    """Which cluster to judge, and by which policy: a saved one, or a live one."""

    policy: str = "cluster"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


def _looks(ask: CheckCluster) -> bool:
    return ask.saved is None or looks(ask)


@tool(
    title="Check a cluster",
    scope=Scope.CHECK,
    usual=True,
    long=True,
    connects=_looks,
    deployed=deployed(CLUSTER_READINESS),
)
def check_cluster(ask: CheckCluster, at: Place) -> Judged:
    """Judge whether a Kubernetes cluster is ready for a workload, and keep a signed artifact: GREEN, AMBER or RED.

    It only lists objects of a live cluster, or reads a saved snapshot. What could not be listed is RED if the policy needs it.
    A cluster that does not answer, or stops answering, is RED too; its artifact says why.
    """
    return judged(CLUSTER_READINESS, ask, ask.policy, at)
