"""Save what a cluster holds about its network, as manifests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.tools.contract import Place, Scope, tool
from arcops.errors import Refused
from arcops.tier import Tier
from tasks.cluster import Saved, connect, snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotNetwork:
    """Which cluster to read."""

    context: str = ""
    """The context of the kubeconfig; the current one where none is named."""
    kubeconfig: Path | None = None
    """The kubeconfig, on the machine that reads; the user's own where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshotted:
    """The files, each with what is missing from it."""

    files: tuple[Saved, ...]


@tool(title="Save a cluster's network", scope=Scope.READ, reads_only=True, long=True)
def snapshot_network(ask: SnapshotNetwork, at: Place) -> Snapshotted:
    """List the namespaces, pods, services, policies and routes of a cluster and return them as manifests, without secrets.

    It changes nothing in the cluster. What the cluster does not let us see is marked as not seen, so that no check of the files
    is GREEN.
    """
    if at.settings.tier is Tier.AIR_GAPPED:
        raise Refused("reading a cluster opens a connection, which the tier air-gapped does not allow; say --tier restricted")
    if ask.kubeconfig is None and at.roots is not None:
        raise Refused("this server reads only clusters whose kubeconfig lies in a folder that it serves; name one")
    client = connect(ask.kubeconfig, ask.context)
    try:
        return Snapshotted(files=tuple(snapshot(client, lambda: at.progress(0, 0))))
    finally:
        client.close()
