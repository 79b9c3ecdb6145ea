"""Cluster readiness: look at a Kubernetes cluster, save what was seen, judge it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.tools.check import Judged, evaluate
from adapters.tools.contract import Place, Scope, tool
from arcops.errors import Refused
from arcops.tier import Tier
from artifacts.writing import replace_whole
from tasks.cluster import Saved, connect
from tasks.cluster_snapshot import snapshot

KIND = "cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotCluster:
    """Which cluster to look at."""

    context: str = ""
    """The context of the kubeconfig; the current one where none is named."""
    kubeconfig: Path | None = None
    """The kubeconfig, on the machine that looks; the user's own where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCluster:
    """The files of a snapshot, each with what is missing from it."""

    files: tuple[Saved, ...]
    name: str
    """The context, or the address of the API server where none was named."""


@tool(title="Save what a cluster says about being ready", scope=Scope.READ, reads_only=True, long=True)
def snapshot_cluster(ask: SnapshotCluster, at: Place) -> SavedCluster:
    """List nodes, heartbeats, workloads, storage, quotas, webhooks and the like of a cluster, and return them as files.

    It changes nothing in the cluster and reads no secret. What the cluster does not let us see is named in the index, so that
    no check of the files is GREEN where it is needed.
    """
    if at.settings.tier is Tier.AIR_GAPPED:
        raise Refused(
            "looking at a cluster opens a connection, which the tier air-gapped does not allow; say --tier restricted"
        )
    if ask.kubeconfig is None and at.roots is not None:
        raise Refused("this server looks only at clusters whose kubeconfig lies in a folder that it serves; name one")
    client = connect(ask.kubeconfig, ask.context)
    try:
        files = tuple(snapshot(client, lambda: at.progress(0, 0)))
        return SavedCluster(files=files, name=ask.context or client.configuration.host.partition("://")[2].strip("/"))
    finally:
        client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCluster:
    """Which cluster to judge, and by which policy: a saved one, or a live one."""

    saved: Path | None = None
    """The folder of a snapshot, on the machine where the check runs; a live cluster is looked at where none is named."""
    context: str = ""
    """The context of the kubeconfig; the current one where none is named."""
    kubeconfig: Path | None = None
    """The kubeconfig, on the machine that looks; the user's own where none is named."""
    policy: str = "cluster"
    """The name of a shipped policy, or the path of one."""


@tool(title="Check a cluster", scope=Scope.CHECK, reads_only=True, long=True)
def check_cluster(ask: CheckCluster, at: Place) -> Judged:
    """Judge whether a Kubernetes cluster is ready for a workload, and keep a signed artifact: GREEN, AMBER or RED.

    Looks at a live cluster by listing alone, or at a saved snapshot. What could not be listed is RED where the policy needs it.
    """
    if ask.saved is not None:
        if ask.context or ask.kubeconfig is not None:
            raise Refused("both a saved snapshot and a live cluster are named; name one of them")
        report, digest = evaluate(ask.saved, KIND, ask.policy, (), at)
        return Judged(report=report, artifact=digest)
    with _looked_at(ask, at) as (folder, name):
        report, digest = evaluate(folder, KIND, ask.policy, (), at, named=name)
    return Judged(report=report, artifact=digest)


@contextmanager
def _looked_at(ask: CheckCluster, at: Place) -> Iterator[tuple[Path, str]]:
    """A folder with what the cluster says now, and the cluster's name."""
    found = snapshot_cluster.work(SnapshotCluster(context=ask.context, kubeconfig=ask.kubeconfig), at)
    with tempfile.TemporaryDirectory(prefix="arcops-cluster-") as folder:
        for one in found.files:
            replace_whole(Path(folder) / one.name, one.text.encode())
        yield Path(folder), found.name
