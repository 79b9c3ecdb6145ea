"""Which network is meant: manifests on disk, a saved cluster, or a live one. Shared by the tools that judge one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.tools.contract import Place
from arcops.errors import Refused
from arcops.request import LiveCluster
from arcops.tier import Tier
from tasks.cluster_index import index_of

ROOT = Path("/")
"""The target of a request whose subject is a live cluster: nothing is read from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """``target`` is a folder or file; where a ``cluster`` is asked it is the root, and ``named`` is the context."""

    target: Path
    cluster: LiveCluster | None = None
    named: str = ""

    @property
    def name(self) -> str:
        """What the subject is called."""
        return self.named or self.target.absolute().name


def meant(at: Place, *, target: Path | None, context: str, kubeconfig: Path | None, saved: Path | None = None) -> Meant:
    """The manifests at *target*, the cluster *saved* in a folder, or the live one at *context*.

    Raises `Refused` unless it is one of them, and for a saved cluster that is not whole.
    """
    if saved is not None:
        if target is not None:
            raise Refused("both manifests and a saved cluster are named; name one of them")
        index = index_of(saved, at.within)
        if index is None:
            raise Refused(
                f"{saved} holds no snapshot that 'arcops network snapshot' saved; without --saved it is read as manifests"
            )
        if index.left:
            raise Refused(f"the snapshot in {saved} was cut off; 'arcops network snapshot -o {saved}' continues it")
        target = saved
    if target is not None:
        if context or kubeconfig is not None:
            raise Refused("both manifests and a live cluster are named; name one of them")
        return Meant(target=target)
    if not context:
        raise Refused("nothing to look at is named: give a folder of manifests, or the --context of a cluster")
    return Meant(target=ROOT, cluster=allowed(at, context=context, kubeconfig=kubeconfig), named=context)


def parameters(what: Meant, at: Place) -> Mapping[str, object]:
    """*what* as the parameters of a flow."""
    if what.cluster is None:
        return {"target": str(at.reach(what.target)), "context": "", "kubeconfig": ""}  # a deployment may name a context
    kubeconfig = str(at.reach(what.cluster.kubeconfig)) if what.cluster.kubeconfig is not None else ""
    return {"target": "", "context": what.cluster.context, "kubeconfig": kubeconfig}


def allowed(at: Place, *, context: str, kubeconfig: Path | None) -> LiveCluster:
    """The cluster, where this place may open a connection to it. Raises `Refused` where it may not."""
    if at.settings.tier is Tier.AIR_GAPPED:
        raise Refused("reading a cluster opens a connection, which the tier air-gapped does not allow; say --tier restricted")
    if kubeconfig is None and at.roots is not None:
        raise Refused("this server reads only clusters whose kubeconfig lies in a folder that it serves; name one")
    return LiveCluster(context=context, kubeconfig=kubeconfig)
