"""Save what a cluster holds about its network, as manifests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Stopped, Unavailable
from capabilities.contract import Scope, always, tool
from flows.place import Place
from flows.subjects.live import allowed
from tasks.kubernetes.listing import TITLES, Saved, look, open_to


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotNetwork:
    """Which cluster to read, and what of it."""

    context: str = ""
    """The context of the kubeconfig, the current one where none is named; through a server, the name that its operator gave."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""
    have: tuple[str, ...] = ()
    """What need not be looked at, as earlier answers named it: so a snapshot that was cut off is continued."""
    seconds: int = 0
    """Answer with what there is as soon as this time has passed and something is complete; 0: with everything at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshotted:
    """The files, each with what is missing from it."""

    files: tuple[Saved, ...]
    looked: tuple[str, ...]
    """What was looked at for this answer. It has a file where the cluster has any of it, or would not say."""
    left: tuple[str, ...]
    """What is still to be looked at, in a further call."""
    server: str
    """The address of the API server, so that two clusters are not mixed up."""


@tool(title="Save a cluster's network", scope=Scope.READ, reads_only=True, long=True, connects=always)
def snapshot_network(ask: SnapshotNetwork, at: Place) -> Snapshotted:
    """List the namespaces, pods, services, policies and routes of a cluster and return them as manifests, without secrets.

    It changes nothing in the cluster. What the cluster does not let us see is marked as not seen, so that no check of the files
    is GREEN.
    """
    cluster = allowed(at, context=ask.context, kubeconfig=ask.kubeconfig, here=True)

    def tick() -> None:
        at.progress(0, 0)
        if at.stop.is_set():
            raise Stopped("the snapshot was stopped; what is complete was kept, and the same command continues it")

    files: list[Saved] = []
    looked: list[str] = []
    wanted = [title for title in TITLES if title not in ask.have]
    client = open_to(cluster, at.settings.tier, tick=tick)
    end = time.monotonic() + ask.seconds
    try:
        for title in wanted:
            try:
                saved = look(client, title, tick)
            except Unavailable:
                if not looked:
                    raise
                break  # what is complete is worth having; who asks on learns why there is no more
            looked.append(title)
            if saved is not None:
                files.append(saved)
            if ask.seconds and time.monotonic() >= end:
                break
    finally:
        client.close()
    left = tuple(wanted[len(looked) :])
    return Snapshotted(files=tuple(files), looked=tuple(looked), left=left, server=client.server)
