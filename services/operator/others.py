"""What policies of others open for a server's pods. Policies add up: one that selects these pods, too, opens what ours close.

Its own policies are proven by the engine; those of others are read here, and what they open has to be open by the profile
anyway. What cannot be told from outside counts as selected, and as opened.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from arcops.seen.labels import Operator, Requirement
from arcops.seen.network import NAMESPACE_NAME, SYSTEM
from manifests.objects import Json, inner
from manifests.server.names import HEALTH_PORT, RELAY_PORT, SERVER_LABEL, labels
from manifests.server.plan import ServerPlan
from services.operator.profiles import closed_addresses, within

_MOST_NAMED = 3
_UNKNOWN = ("pod-template-hash",)
"""Labels that Kubernetes itself gives pods, with values that no one knows before."""
_CILIUM_NAMESPACE = "io.kubernetes.pod.namespace"
_CILIUM_PREFIXES = ("k8s:", "any:")


def opened_by_others(plan: ServerPlan, policies: Sequence[Mapping[str, Json]]) -> str:
    """Which of *policies* open more for the pods of *plan* than it says, in a sentence; empty if none does."""
    found = sorted({f"{one.get('kind')} {inner(one, 'metadata', 'name')}" for one in policies if _opens(plan, one)})
    if not found:
        return ""
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return (
        f"{', '.join(found[:_MOST_NAMED])}{more} of the namespace {plan.namespace} also select its pods and open more than it "
        f"may have, because policies add up; leave out pods with the label {SERVER_LABEL} there (operator DoesNotExist)"
    )


def _opens(plan: ServerPlan, policy: Mapping[str, Json]) -> bool:
    if policy.get("kind") == "CiliumNetworkPolicy":
        rules = [policy.get("spec"), *_list(policy.get("specs"))]
        return any(_opens_in_cilium(plan, one) for one in rules if one is not None)
    spec = policy.get("spec")
    if not _selects(inner(spec, "podSelector"), _pod_labels(plan)):
        return False
    types = _list(inner(spec, "policyTypes")) or ["Ingress", "Egress"]
    leaving = _list(inner(spec, "egress")) if "Egress" in types else ()
    entering = _list(inner(spec, "ingress")) if "Ingress" in types else ()
    return not (all(_may_leave(plan, one) for one in leaving) and all(_may_enter(plan, one) for one in entering))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _pod_labels(plan: ServerPlan) -> dict[str, str]:
    return {**plan.template.labels, **labels(plan.name, plan.owner.kind)}


def _selects(selector: Json, of: Mapping[str, str]) -> bool:
    """Does *selector* (LabelSelector) select pods with the labels *of*, or may it?"""
    wanted = inner(selector, "matchLabels")
    if isinstance(wanted, Mapping) and any(of.get(name) != one for name, one in wanted.items() if name not in _UNKNOWN):
        return False
    return all(_meets(one, of) for one in _list(inner(selector, "matchExpressions")))


def _meets(expression: Json, of: Mapping[str, str]) -> bool:
    key, among = str(inner(expression, "key")), _list(inner(expression, "values"))
    if key in _UNKNOWN:
        return True
    try:
        operator = Operator(inner(expression, "operator"))
    except ValueError:
        return True
    return Requirement(key=key, operator=operator, values=tuple(map(str, among))).holds(of.get(key))


def _may_leave(plan: ServerPlan, rule: Json) -> bool:
    """Is all that this *rule* opens open by the plan?"""
    peers = _list(inner(rule, "to"))
    ports = list(_ports(rule))
    return bool(peers) and all(_is_open(plan, one, ports) for one in peers)


def _ports(rule: Json) -> Iterator[tuple[str, int] | None]:
    """Protocol and number of each port; `None` for all, for a range, and for a name."""
    given = _list(inner(rule, "ports"))
    if not given:
        yield None
    for one in given:
        number = inner(one, "port")
        plain = isinstance(number, int) and inner(one, "endPort") in (None, number)
        yield (str(inner(one, "protocol") or "TCP"), int(str(number))) if plain else None


def _is_open(plan: ServerPlan, peer: Json, ports: Sequence[tuple[str, int] | None]) -> bool:
    egress = plan.egress
    block = inner(peer, "ipBlock")
    if block is None:
        if egress.everything and not egress.ports:
            return True
        to_dns = egress.names and _namespace_of(peer) == SYSTEM
        return to_dns and all(one in (("TCP", 53), ("UDP", 53)) for one in ports)
    try:
        network = ipaddress.ip_network(str(inner(block, "cidr")), strict=False)
    except ValueError:
        return False
    if egress.everything and not egress.ports:
        return not any(one.version == network.version and one.overlaps(network) for one in closed_addresses(plan.site))
    for allowed in egress.addresses:
        other = ipaddress.ip_network(allowed.cidr)
        if other.version == network.version and within(network, other):
            granted = {("TCP", one.port) for one in allowed.ports}
            if all(one in granted for one in ports):
                return True
    return False


def _may_enter(plan: ServerPlan, rule: Json) -> bool:
    peers = _list(inner(rule, "from"))
    ports = list(_ports(rule))
    if ports == [("TCP", RELAY_PORT)]:
        return plan.callers is None or (bool(peers) and all(_among(plan, one, plan.callers) for one in peers))
    if ports == [("TCP", HEALTH_PORT)]:
        return bool(peers) and all(_among(plan, one, (plan.operator_namespace,)) for one in peers)
    return False


def _among(plan: ServerPlan, peer: Json, namespaces: Sequence[str]) -> bool:
    if inner(peer, "ipBlock") is not None:
        return False
    own = inner(peer, "namespaceSelector") is None
    return (plan.namespace if own else _namespace_of(peer)) in namespaces


def _namespace_of(peer: Json) -> str:
    """The one namespace of whose pods *peer* is; empty for those of several."""
    found = inner(peer, "namespaceSelector", "matchLabels", NAMESPACE_NAME)
    return found if isinstance(found, str) else ""


def _opens_in_cilium(plan: ServerPlan, rule: Json) -> bool:
    """Cilium's rule without a peer opens nothing."""
    selector = inner(rule, "endpointSelector")
    if selector is None or not _selects(_plain(selector), _in_cilium(plan)):
        return False
    if any(_names_someone(one, "from") for one in _list(inner(rule, "ingress"))):
        return True
    return any(_names_someone(one, "to") and not (plan.egress.names and _is_dns(one)) for one in _list(inner(rule, "egress")))


def _names_someone(rule: Json, side: str) -> bool:
    return isinstance(rule, Mapping) and any(name.startswith(side) or name == "icmps" for name, one in rule.items() if one)


def _is_dns(rule: Json) -> bool:
    ends = _list(inner(rule, "toEndpoints"))
    ports = [inner(port, "port") for one in _list(inner(rule, "toPorts")) for port in _list(inner(one, "ports"))]
    known = isinstance(rule, Mapping) and set(rule) <= {"toEndpoints", "toPorts"}
    spaces = {inner(_plain(one), "matchLabels", _CILIUM_NAMESPACE) for one in ends}
    return known and spaces == {SYSTEM} and bool(ports) and set(ports) == {"53"}


def _in_cilium(plan: ServerPlan) -> dict[str, str]:
    return {**_pod_labels(plan), _CILIUM_NAMESPACE: plan.namespace}


def _plain(selector: Json) -> Json:
    """*selector* without the prefixes by which Cilium names the source of a label."""
    wanted, more = inner(selector, "matchLabels"), _list(inner(selector, "matchExpressions"))
    made: dict[str, Json] = {}
    if isinstance(wanted, Mapping):
        made["matchLabels"] = {_bare(name): one for name, one in wanted.items()}
    made["matchExpressions"] = [{**one, "key": _bare(str(one.get("key")))} for one in more if isinstance(one, Mapping)]
    return made


def _bare(name: str) -> str:
    for prefix in _CILIUM_PREFIXES:
        name = name.removeprefix(prefix)
    return name
