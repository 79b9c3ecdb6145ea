"""The subject *network*: manifests, a saved cluster or a live one, by itself or against what was declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import own, shaped
from arcops.judgeable import Judgeable, judgeable

NO_KUBECONFIG = (
    "a worker takes no kubeconfig; leave --kubeconfig out, and name the cluster as its operator does (ARCOPS_CLUSTERS)"
)


@judgeable(kind="manifests", policy="network", title="Check a network")
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests(Judgeable):
    """Kubernetes manifests, or the network of a live cluster."""

    target: Path | None = field(default=None, metadata=shaped(positional=True, most=4096))
    """A folder with Kubernetes manifests, or one file, on the machine where the check runs; none where a context is named."""
    saved: Path | None = field(default=None, metadata=shaped(most=4096))
    """The folder of a snapshot, which has to be whole; for what was put together by hand name it as the target."""
    context: str = field(default="", metadata=shaped(most=253))
    """The cluster to look at: a context of the kubeconfig; through a server, the name that its operator gave the cluster."""
    kubeconfig: Path | None = field(default=None, metadata=own(NO_KUBECONFIG))
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""

    @property
    def kind(self) -> str:
        return "manifests" if self.saved or self.target else "network"

    @property
    def where(self) -> Path | str:
        return self.saved or self.target or self.context


@judgeable(kind="network", policy="network-drift")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredNetwork(Judgeable):
    """The network of a cluster, saved or live, against the manifests that say how it should be."""

    declared: Path = field(metadata=shaped(positional=True, least=1, most=4096))
    """The folder or file that says how it should be."""
    live: Path | None = field(default=None, metadata=shaped(positional=True, most=4096))
    """The folder or file that says how it is: a saved cluster, or what 'kubectl get -o yaml' prints; none for a live one."""
    context: str = field(default="", metadata=shaped(most=253))
    """The cluster to look at: a context of the kubeconfig; through a server, the name that its operator gave the cluster."""
    kubeconfig: Path | None = field(default=None, metadata=own(NO_KUBECONFIG))
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""

    @property
    def where(self) -> Path | str:
        return self.live or self.context
