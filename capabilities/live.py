"""Which network is meant: manifests on disk, a saved cluster, or a live one. Shared by the tools that judge one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from arcops.errors import Refused
from arcops.request import LiveCluster
from capabilities.contract import Place
from tasks.kubernetes.config import access, current_context
from tasks.kubernetes.listing import refuse_air_gapped
from tasks.kubernetes.named import SETTING
from tasks.network.index import index_of

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


class _Asked(Protocol):
    """What an ask has that may name a cluster."""

    @property
    def context(self) -> str: ...

    @property
    def kubeconfig(self) -> Path | None: ...


def looks(ask: _Asked) -> bool:
    """Does *ask* have a live cluster looked at? One that could not be meant so counts, too."""
    return bool(ask.context) or ask.kubeconfig is not None


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
    return Meant(target=ROOT, cluster=checked(at, context=context, kubeconfig=kubeconfig), named=context)


def parameters(what: Meant, at: Place) -> Mapping[str, object]:
    """*what* as the parameters of a flow. Raises `Refused` for a kubeconfig: a worker asks only what its operator named."""
    if what.cluster is None:
        return {"target": str(at.reach(what.target)), "context": ""}  # a deployment may name a context
    if what.cluster.kubeconfig is not None:
        raise Refused(
            f"a worker takes no kubeconfig; leave --kubeconfig out, and name the cluster as its operator does ({SETTING})"
        )
    return {"target": "", "context": what.cluster.context}


def checked(at: Place, *, context: str, kubeconfig: Path | None) -> LiveCluster:
    """As `allowed`, for a tool that a worker of Prefect answers where there is one."""
    return allowed(at, context=context, kubeconfig=kubeconfig, here=not at.settings.prefect_api)


def allowed(at: Place, *, context: str, kubeconfig: Path | None, here: bool) -> LiveCluster:
    """The cluster, where this place may open a connection to it, and the person told what that runs. Raises `Refused`.

    *here* says that this process looks, and no worker, which looks by its own operator's word.
    """
    refuse_air_gapped(at.settings.tier)
    cluster = meant_cluster(at, context=context, kubeconfig=kubeconfig, here=here)
    if here:
        for sentence in access(cluster, os.environ).aloud:
            at.say(sentence)
    return cluster


def meant_cluster(at: Place, *, context: str, kubeconfig: Path | None, here: bool) -> LiveCluster:
    """The cluster that is meant: from afar by a name that the operator gave, on one's own command line by a context.

    Raises `Refused` for a kubeconfig that a caller names, and where no context is named and there is no current one.
    """
    if not at.afar:
        if not context and not here:
            raise Refused(f"a worker looks at no cluster by accident: name the --context, as its operator named it ({SETTING})")
        context = context or current_context(kubeconfig, os.environ)
        return LiveCluster(context=context, clusters=None, kubeconfig=kubeconfig)
    if kubeconfig is not None:
        raise Refused(
            f"a caller names no kubeconfig, for such a file names programs, files and servers; give the name of a cluster that "
            f"this server's operator named ({SETTING}) as the context"
        )
    if not context:
        raise Refused(
            f"no cluster is looked at by accident: give the name of one that this server's operator named ({SETTING})"
        )
    return LiveCluster(context=context, clusters=at.settings.clusters, served=(*(at.roots or ()), *at.settings.roots))
