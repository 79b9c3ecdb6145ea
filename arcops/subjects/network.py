"""The subject *network*: manifests, a saved cluster or a live one, alone or compared with declared manifests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import own, shaped
from arcops.judgeable import Judgeable, judgeable

NO_KUBECONFIG = (
    "a worker accepts no kubeconfig; omit --kubeconfig, and use the name that its operator gave the cluster (ARCOPS_CLUSTERS)"
)


@judgeable(kind="manifests", policy="network", title="Check a network")
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests(Judgeable):
    """Kubernetes manifests, or the network of a live cluster."""

    target: Path | None = field(default=None, metadata=shaped(positional=True, most=4096))
    """A folder with Kubernetes manifests, or one file, on the machine that runs the check. Omit it if you name a context."""
    saved: Path | None = field(default=None, metadata=shaped(most=4096))
    """A complete snapshot, or a dump of kubectl. Give a folder that was put together by hand as the target instead."""
    context: str = field(default="", metadata=shaped(most=253))
    """The cluster to check: a context of the kubeconfig. Through a server: the name that its operator gave the cluster."""
    kubeconfig: Path | None = field(default=None, metadata=own(NO_KUBECONFIG))
    """The kubeconfig (default: your own). Only on your own command line; a server does not accept it."""

    @property
    def kind(self) -> str:
        return "manifests" if self.saved or self.target else "network"

    @property
    def where(self) -> Path | str:
        return self.saved or self.target or self.context


@judgeable(kind="network", policy="network-drift")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredNetwork(Judgeable):
    """The network of a cluster, saved or live, compared with the manifests that say how it should be."""

    declared: Path = field(metadata=shaped(positional=True, least=1, most=4096))
    """The folder or file that says how it should be."""
    live: Path | None = field(default=None, metadata=shaped(positional=True, most=4096))
    """The folder or file that says how it is: a saved cluster, or the output of 'kubectl get -o yaml'. Omit it for a
    live one.
    """
    context: str = field(default="", metadata=shaped(most=253))
    """The cluster to check: a context of the kubeconfig. Through a server: the name that its operator gave the cluster."""
    kubeconfig: Path | None = field(default=None, metadata=own(NO_KUBECONFIG))
    """The kubeconfig (default: your own). Only on your own command line; a server does not accept it."""

    @property
    def where(self) -> Path | str:
        return self.live or self.context
