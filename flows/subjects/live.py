"""Which live cluster is meant, and whether it may be asked here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from arcops.errors import Refused
from arcops.extras import refuse_without
from arcops.request import LiveCluster
from flows.place import Place
from tasks.kubernetes.config import access, current_context
from tasks.kubernetes.listing import refuse_air_gapped
from tasks.kubernetes.named import SETTING


class _Asked(Protocol):
    """What an ask has that may name a cluster."""

    @property
    def context(self) -> str: ...

    @property
    def kubeconfig(self) -> Path | None: ...


def looks(ask: _Asked) -> bool:
    """Does *ask* have a live cluster looked at? One that could not be meant so counts, too."""
    return bool(ask.context) or ask.kubeconfig is not None


def looked_at(at: Place, *, context: str, kubeconfig: Path | None) -> LiveCluster:
    """The cluster that a check looks at: here, or at a worker of Prefect, which asks by its own operator's word."""
    if at.worker:
        return meant_cluster(at, context=context, kubeconfig=kubeconfig, here=True)
    return allowed(at, context=context, kubeconfig=kubeconfig, here=not at.settings.prefect_api)


def allowed(at: Place, *, context: str, kubeconfig: Path | None, here: bool) -> LiveCluster:
    """The cluster, where this place may open a connection to it, and the person told what that runs. Raises `Refused`.

    *here* says that this process looks, and no worker, which looks by its own operator's word.
    """
    refuse_air_gapped(at.settings.tier)
    cluster = meant_cluster(at, context=context, kubeconfig=kubeconfig, here=here)
    if here:
        refuse_without(("kubernetes",))
        for sentence in access(cluster, os.environ).notices:
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
