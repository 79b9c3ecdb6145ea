"""Save the network objects of a cluster, as manifests."""

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
    """Which cluster to read, and which part of it."""

    context: str = ""
    """The context of the kubeconfig, by default the current one; through a server, the name that its operator gave."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, by default one's own. A server takes none."""
    have: tuple[str, ...] = ()
    """What need not be read again, by the titles in earlier answers: this continues a snapshot that was cut off."""
    seconds: int = 0
    """Answer after this time with what is complete, if anything is; 0: answer with everything at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshotted:
    """The files, each with what is missing from it."""

    files: tuple[Saved, ...]
    looked: tuple[str, ...]
    """What was read for this answer. A title has a file if the cluster has such objects, or did not show them."""
    left: tuple[str, ...]
    """What is still to be read, in another call."""
    server: str
    """The address of the API server, so that two clusters are not mixed up."""


@tool(title="Save a cluster's network", scope=Scope.READ, reads_only=True, long=True, connects=always)
def snapshot_network(ask: SnapshotNetwork, at: Place) -> Snapshotted:
    """List the namespaces, pods, services, policies and routes of a cluster and return them as manifests, without secrets.

    It changes nothing in the cluster. What the cluster does not show us is marked as not seen, so no check of the files is
    GREEN.
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
                break  # return what is complete; the next call tells the caller why there is no more
            looked.append(title)
            if saved is not None:
                files.append(saved)
            if ask.seconds and time.monotonic() >= end:
                break
    finally:
        client.close()
    left = tuple(wanted[len(looked) :])
    return Snapshotted(files=tuple(files), looked=tuple(looked), left=left, server=client.server)
