"""Which live cluster is meant, and whether it may be asked here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from arcops.errors import Refused
from arcops.extras import refuse_without
from arcops.request import LiveCluster
from flows.place import Place

# What Kubernetes needs is imported when a cluster is looked at: most checks read files, and it is a third of their start.


class _Asked(Protocol):
    """The fields of an ask that name a cluster."""

    @property
    def context(self) -> str: ...

    @property
    def kubeconfig(self) -> Path | None: ...


def looks(ask: _Asked) -> bool:
    """Does *ask* look at a live cluster? An ask with both a context and a saved cluster counts, too."""
    return bool(ask.context) or ask.kubeconfig is not None


def looked_at(at: Place, *, context: str, kubeconfig: Path | None) -> LiveCluster:
    """The cluster that a check looks at: from here, or from a worker of Prefect, whose own operator allows it."""
    if at.worker:
        return meant_cluster(at, context=context, kubeconfig=kubeconfig, here=True)
    return allowed(at, context=context, kubeconfig=kubeconfig, here=not at.settings.prefect_api)


def allowed(at: Place, *, context: str, kubeconfig: Path | None, here: bool) -> LiveCluster:
    """The cluster, if this place may connect to it; the person is told what that runs. Raises `Refused` if it may not.

    *here* is true if this process looks. If a worker looks, the worker's operator decides.
    """
    from tasks.kubernetes.config import access
    from tasks.kubernetes.listing import refuse_air_gapped

    refuse_air_gapped(at.settings.tier)
    cluster = meant_cluster(at, context=context, kubeconfig=kubeconfig, here=here)
    if here:
        refuse_without(("kubernetes",))
        for sentence in access(cluster, os.environ).notices:
            at.say(sentence)
    return cluster


def meant_cluster(at: Place, *, context: str, kubeconfig: Path | None, here: bool) -> LiveCluster:
    """The cluster that is meant: for remote callers by a name that the operator gave, on one's own command line by a context.

    Raises `Refused` if a remote caller names a kubeconfig, and if no context is named and there is no current one.
    """
    from tasks.kubernetes.config import current_context
    from tasks.kubernetes.named import SETTING

    if not at.remote:
        if not context and not here:
            raise Refused(
                f"no cluster is named, and a worker has no default: give a --context that its operator set ({SETTING})"
            )
        context = context or current_context(kubeconfig, os.environ)
        return LiveCluster(context=context, clusters=None, kubeconfig=kubeconfig)
    if kubeconfig is not None:
        raise Refused(
            f"a caller cannot name a kubeconfig, because such a file names programs, files and servers; as the context, give "
            f"the name of a cluster that this server's operator set ({SETTING})"
        )
    if not context:
        raise Refused(f"no cluster is named; as the context, give the name of one that this server's operator set ({SETTING})")
    return LiveCluster(context=context, clusters=at.settings.clusters, served=(*(at.roots or ()), *at.settings.roots))
