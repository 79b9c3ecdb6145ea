"""Policies for the whole cluster (``policy.networking.k8s.io``): AdminNetworkPolicy and BaselineAdminNetworkPolicy of
``v1alpha1``, and ClusterNetworkPolicy of ``v1alpha2`` and ``v1beta1``, which is both.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import Action, Block, Peer, PolicyRule, PolicySeen, PolicyTier, PortRange, Protocol, Selector
from tasks.kubernetes.manifests.fields import Field, text_at, whole_at
from tasks.kubernetes.manifests.names import port_name, selector
from tasks.kubernetes.manifests.policy import cidr, port_number, protocol

KINDS = {
    ("v1alpha1", "AdminNetworkPolicy"): PolicyTier.ADMIN,
    ("v1alpha1", "BaselineAdminNetworkPolicy"): PolicyTier.BASELINE,
    ("v1alpha2", "ClusterNetworkPolicy"): PolicyTier.ADMIN,
    ("v1beta1", "ClusterNetworkPolicy"): PolicyTier.ADMIN,
}
_MOST_PRIORITY = 1000
_MOST_RULES = {"ClusterNetworkPolicy": 25}
_MOST_OF_OTHERS = 100


def cluster_policy(found: Field, version: str, kind: str, name: str) -> PolicySeen:
    """The policy at *found*."""
    found.only("apiVersion", "kind", "metadata", "spec", "status")
    tier = KINDS[version, kind]
    spec = found.get("spec")
    if spec is None:
        found.complaints.add(found.line, "spec", f"a {kind} needs a spec")
        return PolicySeen(
            kind=kind, namespace="", name=name, at=found.at, tier=tier, pods=Selector(), namespaces=Selector(), priority=0
        )
    if kind == "ClusterNetworkPolicy":
        spec.only("tier", "priority", "subject", "ingress", "egress")
        named = text_at(spec.get("tier"))
        if named not in ("Admin", "Baseline"):
            spec.complaints.add(spec.line, "spec.tier", "the tier of a ClusterNetworkPolicy must be Admin or Baseline")
        tier = PolicyTier.BASELINE if named == "Baseline" else PolicyTier.ADMIN
    elif tier is PolicyTier.ADMIN:
        spec.only("priority", "subject", "ingress", "egress")
    else:
        spec.only("subject", "ingress", "egress")
        if name != "default":
            found.complaints.add(found.line, "metadata.name", "the name of a BaselineAdminNetworkPolicy must be 'default'")
    namespaces, pods = _subject(spec)
    return PolicySeen(
        kind=kind,
        namespace="",
        name=name,
        at=found.at,
        tier=tier,
        pods=pods,
        namespaces=namespaces,
        priority=_priority(spec, kind),
        ingress=tuple(_rules(spec, "ingress", "from", kind)),
        egress=tuple(_rules(spec, "egress", "to", kind)),
    )


def _priority(spec: Field, kind: str) -> int:
    if kind == "BaselineAdminNetworkPolicy":
        return 0
    found = spec.get("priority")
    if found is None:
        spec.complaints.add(spec.line, "spec.priority", f"a {kind} needs a priority")
        return 0
    value = found.whole()
    if not 0 <= value <= _MOST_PRIORITY:
        found.wrong(f"{value} is not a valid priority; use 0 to {_MOST_PRIORITY}; a lower number is evaluated first")
    return value


def _subject(spec: Field) -> tuple[Selector, Selector]:
    found = spec.get("subject")
    chosen = _pods(found) if found is not None else None
    if chosen is None:
        (found or spec).complaints.add((found or spec).line, "spec.subject", "exactly one of namespaces and pods is needed")
        return Selector(), Selector()
    return chosen


def _pods(found: Field) -> tuple[Selector, Selector] | None:
    """Namespaces and pods, as a subject or a peer names them; `None` if it does not name exactly one of the two."""
    by_namespace, by_pod = found.get("namespaces"), found.get("pods")
    if (by_namespace is None) == (by_pod is None):
        return None
    if by_namespace is not None:
        return selector(by_namespace) or Selector(), Selector()
    assert by_pod is not None  # noqa: S101  # exactly one of the two is there
    by_pod.only("namespaceSelector", "podSelector")
    return selector(by_pod.get("namespaceSelector")) or Selector(), selector(by_pod.get("podSelector")) or Selector()


def _rules(spec: Field, list_name: str, peers: str, kind: str) -> Iterator[PolicyRule]:
    known = {"Allow": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
    if kind == "ClusterNetworkPolicy":
        known["Accept"] = known.pop("Allow")
    elif kind == "BaselineAdminNetworkPolicy":
        del known["Pass"]
    for number, item in enumerate(spec.items(list_name)):
        most = _MOST_RULES.get(kind, _MOST_OF_OTHERS)
        if number == most:
            item.wrong(f"there are more than {most} rules")
        item.only("name", "action", peers, "ports", "protocols")
        named = text_at(item.get("action"))
        if named not in known:
            item.complaints.add(item.line, f"{item.path}.action", f"{named[:80]!r} is not one of {', '.join(known)}")
            continue
        asked = list(item.items(peers))
        if not asked:
            item.complaints.add(item.line, f"{item.path}.{peers}", "a rule needs at least one peer")
        found = tuple(one for peer in asked for one in _peers(peer, peers))
        if any(one.domain for one in found) and known[named] is not Action.ALLOW:
            item.wrong(
                "only rules that allow may have host names, because the list of a host name's addresses may be incomplete"
            )
        if found:
            ports = (*_ports(item), *_protocols(item))
            yield PolicyRule(at=item.at, field=item.path, action=known[named], peers=found, ports=ports)


def _peers(item: Field, peers: str) -> Iterator[Peer]:
    if peers == "from":
        item.only("namespaces", "pods")
    else:
        item.only("namespaces", "pods", "nodes", "networks", "domainNames")
        if item.get("networks") is not None:
            blocks = [(one, cidr(one)) for one in item.items("networks")]
            if not blocks:
                item.wrong("networks is empty; name at least one network")
            yield from (Peer(at=one.at, block=Block(cidr=str(network))) for one, network in blocks if network is not None)
            return
        if item.get("nodes") is not None:
            yield Peer(at=item.at, nodes=selector(item.get("nodes")) or Selector())
            return
        if item.get("domainNames") is not None:
            yield from (Peer(at=one.at, domain=one.text().lower().rstrip(".") or "?") for one in item.items("domainNames"))
            return
    chosen = _pods(item)
    if chosen is None:
        item.wrong("a peer must name exactly one kind of peer")
    else:
        yield Peer(at=item.at, namespaces=chosen[0], pods=chosen[1])


def _ports(item: Field) -> Iterator[PortRange]:
    for port in item.items("ports"):
        port.only("portNumber", "portRange", "namedPort")
        number, span, named = port.get("portNumber"), port.get("portRange"), port.get("namedPort")
        if sum(one is not None for one in (number, span, named)) != 1:
            port.wrong("a port needs exactly one of portNumber, portRange and namedPort")
        elif number is not None:
            value = port_number(number, whole_at(number.get("port")))
            yield PortRange(protocol=protocol(number.get("protocol")), first=value or 1, last=value)
        elif span is not None:
            first = port_number(span, whole_at(span.get("start")))
            last = port_number(span, whole_at(span.get("end")))
            if last < first:
                span.wrong(f"the range ends at {last}, which is lower than its first port")
            yield PortRange(protocol=protocol(span.get("protocol")), first=first or 1, last=last if first else 0)
        elif named is not None:
            name = named.text()
            if problem := port_name(name):
                named.wrong(f"{name[:80]!r}: {problem}")
            yield PortRange(protocol=None, name=name or "-")


def _protocols(item: Field) -> Iterator[PortRange]:
    """``protocols`` of a ClusterNetworkPolicy: each with the ports of its own protocol."""
    for one in item.items("protocols"):
        one.only("tcp", "udp", "sctp", "destinationNamedPort")
        name = one.get("destinationNamedPort")
        if name is not None:
            yield PortRange(protocol=None, name=name.text() or "-")
        for key in ("tcp", "udp", "sctp"):
            found = one.get(key)
            if found is not None:
                yield _destination(found, key.upper())


def _destination(found: Field, named: str) -> PortRange:
    port = found.get("destinationPort")
    if port is None:
        return PortRange(protocol=Protocol(named))
    if port.get("number") is not None:
        value = port_number(port, whole_at(port.get("number")))
        return PortRange(protocol=Protocol(named), first=value or 1, last=value)
    first = port_number(port, whole_at(port.within("range", "start")))
    last = port_number(port, whole_at(port.within("range", "end")))
    return PortRange(protocol=Protocol(named), first=first or 1, last=last if first else 0)
