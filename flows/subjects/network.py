"""Evaluations of a *network*: by itself, and against what was declared."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.subjects.network import DeclaredNetwork, Manifests
from flows.place import Place
from flows.subjects.evaluation import Evaluation
from flows.subjects.live import looked_at
from flows.subjects.meaning import ROOT, Meant, existing, means

NETWORK_SAFETY = Evaluation(
    flow="network-safety", subject=Manifests, doc="Judge what can talk to what, and whether something may that should not."
)
NETWORK_DRIFT = Evaluation(
    flow="network-drift",
    subject=DeclaredNetwork,
    doc="Judge whether a cluster allows exactly the traffic that was declared.",
)


@means(Manifests)
def manifests(network: Manifests, at: Place) -> Meant:
    """The manifests, the saved cluster, or the live one. Raises `Refused` if two are named, and for an incomplete snapshot."""
    target = network.target
    if network.saved is not None:
        from tasks.network.dump import is_dump  # who judges a release imports every subject, and no manifest is read for it
        from tasks.network.index import index_of

        if target is not None:
            raise Refused("both manifests and a saved cluster are named; name one of them")
        index = None if at.elsewhere else index_of(network.saved, at.within)
        if index is None and not at.elsewhere and not is_dump(network.saved, at.within):
            raise Refused(
                f"{network.saved} holds neither a snapshot of 'arcops network snapshot' nor a list that 'kubectl get -o json' "
                "printed; to read it as manifests, leave out --saved"
            )
        if index is not None and index.left:
            raise Refused(
                f"the snapshot in {network.saved} is not complete; 'arcops network snapshot -o {network.saved}' continues it"
            )
        target = network.saved
    if target is None:
        return _live(network, at)
    _refuse_both(network)
    return Meant(target=existing(target, at))


@means(DeclaredNetwork)
def declared(network: DeclaredNetwork, at: Place) -> Meant:
    """The declared manifests, and the cluster, saved or live. Raises `Refused` if one of them does not exist."""
    should_be = existing(network.declared, at)
    if network.live is None:
        found = _live(network, at)
        return Meant(target=found.target, named=found.named, cluster=found.cluster, declared=should_be)
    _refuse_both(network)
    return Meant(target=existing(network.live, at), declared=should_be)


def _live(network: Manifests | DeclaredNetwork, at: Place) -> Meant:
    if not network.context:
        raise Refused("no network is named; give a folder of manifests, or the --context of a cluster")
    cluster = looked_at(at, context=network.context, kubeconfig=network.kubeconfig)
    return Meant(target=ROOT, cluster=cluster, named=network.context)


def _refuse_both(network: Manifests | DeclaredNetwork) -> None:
    if network.context or network.kubeconfig is not None:
        raise Refused("both manifests and a live cluster are named; name one of them")
