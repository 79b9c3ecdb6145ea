"""The subject *cluster*: a Kubernetes cluster that will run a model, and the workloads that ask to run in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import own, shaped
from arcops.judgeable import Judgeable, judgeable
from arcops.subjects.network import NO_KUBECONFIG


@judgeable(kind="cluster", policy="cluster", title="Check a cluster")
@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCluster(Judgeable):
    """A Kubernetes cluster, saved or live."""

    saved: Path | None = field(default=None, metadata=shaped(positional=True, most=4096))
    """The folder of a snapshot, or a dump of kubectl, on the machine that runs the check. Omit it for a live cluster."""
    context: str = field(default="", metadata=shaped(most=253))
    """The context of the kubeconfig (default: the current one). Through a server: the name that its operator gave the
    cluster.
    """
    kubeconfig: Path | None = field(default=None, metadata=own(NO_KUBECONFIG))
    """The kubeconfig (default: your own). Only on your own command line; a server does not accept it."""

    @property
    def where(self) -> Path | str:
        return self.saved or self.context


@judgeable(kind="workload", policy="admission")
@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Judgeable):
    """A manifest or AdmissionReview, whose workloads ask for admission."""

    target: Path
    """The file."""
