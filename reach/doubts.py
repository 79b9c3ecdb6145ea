"""Why an answer is not certain: objects that ArcOps does not understand, and facts that no manifest shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from arcops.finding import Location
from arcops.seen.network import CALICO, FIREWALLS, NAMESPACE_NAME, Complaint, Network, PolicySeen, PolicyTier, Selector
from reach.filters import doubts_of_filters

_FILTER = "EnvoyFilter.networking.istio.io"
LATER_LABELS = frozenset(
    (
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/job-completion-index",
        "controller-uid",
        "job-name",
        "rollouts-pod-template-hash",
        "jobset.sigs.k8s.io/job-global-index",
        "jobset.sigs.k8s.io/job-index",
        "jobset.sigs.k8s.io/job-key",
        "jobset.sigs.k8s.io/jobset-uid",
        "jobset.sigs.k8s.io/restart-attempt",
        "leaderworkerset.sigs.k8s.io/group-index",
        "leaderworkerset.sigs.k8s.io/group-key",
        "leaderworkerset.sigs.k8s.io/template-revision-hash",
        "training.kubeflow.org/job-role",
        "training.kubeflow.org/replica-index",
        "volcano.sh/job-uid",
        "volcano.sh/queue-name",
        "volcano.sh/task-index",
    )
)
"""Labels that controllers add to the pods they make (Kubernetes reference, well-known labels; references of operators)."""


def doubts(network: Network, harmless: Collection[str] = (), *, filters: bool = True) -> Iterator[Complaint]:
    """Each doubt about *network*. ``harmless`` are kinds (``Kind.group``) that are known not to affect traffic.

    Without *filters*, EnvoyFilters are left out: an answer about two pods asks which of them they select (`reach.filters`).
    """
    known = {one.at for one in network.mesh.filters}
    if filters and _FILTER not in harmless:
        for found, words in doubts_of_filters(network):
            yield Complaint(
                at=found.at, about=f"{_FILTER} {found.namespace}/{found.name}", field="", text=f"{found.title}: {words}"
            )
    for one in network.others:
        kind = f"{one.kind}.{one.group}" if one.group else one.kind
        if not one.harmless and kind not in harmless and not (kind == _FILTER and one.at in known):
            name = f"{one.namespace}/{one.name}" if one.namespace else one.name
            text = f"it is not known how {kind} {name} affects the network"
            yield Complaint(at=one.at, about=f"{kind} {name}", field="", text=text)
    ranks = _ranks(network)
    templates = any(pods.kind != "Pod" for pods in network.pods)
    for policy in network.policies:
        yield from _peers(policy)
        if templates:
            yield from _by_later_labels(policy)
        if len(ranks.get(_rank(policy), ())) > 1:
            what = "order" if policy.kind in CALICO else f"priority {policy.priority}"
            text = f"{policy.title} has the same {what} as another, so it is undefined which one decides"
            yield Complaint(at=policy.at, about=policy.title, field="spec.priority", text=text)
    yield from _unlabelled(network)


def _rank(policy: PolicySeen) -> tuple[PolicyTier, int, int]:
    return policy.tier, policy.stage, policy.priority


def _ranks(network: Network) -> dict[tuple[PolicyTier, int, int], set[str]]:
    """Ranks in which the order of two policies may matter, with what has no order there.

    The order of rules that all do the same does not matter. Calico sorts policies of one kind by their names.
    """
    found: dict[tuple[PolicyTier, int, int], list[PolicySeen]] = {}
    for one in network.policies:
        if one.tier is not PolicyTier.NAMESPACE and one.kind not in FIREWALLS:  # of those, each is for its own namespace
            found.setdefault(_rank(one), []).append(one)
    named: dict[tuple[PolicyTier, int, int], set[str]] = {}
    for rank, tied in found.items():
        if len({rule.action for one in tied for rule in (*one.ingress, *one.egress)}) > 1:
            calico = all(one.kind in CALICO for one in tied)
            named[rank] = {one.kind if calico else f"{one.title} {one.at}" for one in tied}
    return named


def _peers(policy: PolicySeen) -> Iterator[Complaint]:
    for rule in (*policy.ingress, *policy.egress):
        for peer in rule.peers:
            if peer.nodes is not None:
                text = f"{policy.title} names nodes of the cluster, but no manifest shows their addresses"
                yield Complaint(at=peer.at, about=policy.title, field=rule.field, text=text)


def _by_later_labels(policy: PolicySeen) -> Iterator[Complaint]:
    """Selectors over labels that controllers add to pods, which no template shows."""
    peers = [(peer.at, peer.pods) for rule in (*policy.ingress, *policy.egress) for peer in rule.peers]
    for at, pods in [(policy.at, policy.pods), *peers]:
        later = sorted(_keys(pods) & LATER_LABELS) if pods is not None else []
        if later:
            text = f"{policy.title} selects by {later[0]}, which controllers add to pods, so no template shows it"
            yield Complaint(at=at, about=policy.title, field="", text=text)


def _unlabelled(network: Network) -> Iterator[Complaint]:
    """Namespaces whose labels decide, but that no manifest declares."""
    asked = [where for policy in network.policies for where in _by_label(policy)]
    used = {one.namespace for one in network.pods}
    for namespace in network.namespaces:
        if asked and not namespace.declared and namespace.name in used:
            text = f"a rule selects namespaces by label, but no manifest shows the labels of {namespace.name}"
            yield Complaint(at=asked[0], about=f"Namespace {namespace.name}", field="", text=text)


def _by_label(policy: PolicySeen) -> Iterator[Location]:
    """Where *policy* selects namespaces by labels that not every namespace has by itself."""
    if policy.namespaces is not None and _keys(policy.namespaces) - {NAMESPACE_NAME}:
        yield policy.at
    for rule in (*policy.ingress, *policy.egress):
        for peer in rule.peers:
            if peer.namespaces is not None and _keys(peer.namespaces) - {NAMESPACE_NAME}:
                yield peer.at


def _keys(selector: Selector) -> set[str]:
    return {one.key for one in selector.labels} | {one.key for one in selector.expressions}
