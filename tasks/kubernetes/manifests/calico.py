"""Calico's policies (``projectcalico.org/v3``, and ``crd.projectcalico.org/v1``, in which the API server keeps them).

Read are those of the tier ``default``. There the NetworkPolicies of Kubernetes have the order 1000. A policy with a lower order
decides before them, rule by rule; one with a higher order, or none, after them. Pods that any of them selects are closed for
what no rule allows. What does not fit these words (other tiers, ``Pass``, a rule that denies before others that come late,
source ports, service accounts, selectors with ``||``) is not understood, and its policy is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from arcops.finding import Location
from arcops.seen.network import (
    Action,
    Block,
    Complaint,
    Direction,
    Label,
    Operator,
    Peer,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    PortRange,
    Protocol,
    Requirement,
    Selector,
)
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.nodes import Mapping, Scalar
from tasks.kubernetes.manifests.policy import block_of

GROUPS = ("projectcalico.org", "crd.projectcalico.org")
KINDS = {"NetworkPolicy": "CalicoNetworkPolicy", "GlobalNetworkPolicy": "GlobalNetworkPolicy"}
"""The kinds, and the names by which they are told from others."""
_OF_KUBERNETES = 1000
_AFTER_ADMIN = 10_000
"""AdminNetworkPolicies (priority up to 1000) are a tier of their own in Calico, before the tier 'default'."""
_SPEC = frozenset(("tier", "order", "selector", "namespaceSelector", "types", "ingress", "egress", "performanceHints"))
_RULE = frozenset(("action", "protocol", "source", "destination", "metadata", "ipVersion"))
_SIDE = frozenset(("selector", "namespaceSelector", "nets", "notNets", "ports"))
_PROTOCOLS = {
    "tcp": Protocol.TCP,
    "udp": Protocol.UDP,
    "sctp": Protocol.SCTP,
    "6": Protocol.TCP,
    "17": Protocol.UDP,
    "132": Protocol.SCTP,
}
_OTHERS = ("icmp", "icmpv6", "udplite", "1", "58", "136")
"""Protocols without connections that this evidence is about."""
_TERM = re.compile(
    r"\s*(?:(?P<all>all\(\))|(?P<not>!\s*)?has\(\s*(?P<has>[A-Za-z0-9_./-]+)\s*\)"
    r"|(?P<key>[A-Za-z0-9_./-]+)\s*(?:(?P<is>==|=|!=)\s*(?P<value>'[^']*'|\"[^\"]*\")"
    r"|(?P<in>not\s+in|in)\s*\{(?P<values>[^{}]*)\}))\s*"
)
_NAMESPACE = "projectcalico.org/name"
_KUBERNETES_NAME = "kubernetes.io/metadata.name"


class _Unclear(Exception):
    """A part that is not understood."""


def calico_policy(found: Field, kind: str, namespace: str, name: str) -> tuple[PolicySeen | None, list[Complaint]]:
    """The policy at *found*, and why it is not understood completely; without such a complaint, it is."""
    title = f"{KINDS[kind]} {namespace}/{name}" if namespace else f"{KINDS[kind]} {name}"
    spec = found.get("spec")
    try:
        if spec is None:
            raise _Unclear("it has no spec")
        return _policy(found, spec, kind, namespace, name), []
    except _Unclear as error:
        text = f"this policy of Calico is not understood: {error}"
        return None, [Complaint(at=Location(path=found.at.path, line=found.at.line), about=title, field="spec", text=text)]


def _policy(found: Field, spec: Field, kind: str, namespace: str, name: str) -> PolicySeen:
    _known(spec, _SPEC, "spec")
    if text_at(spec.get("tier"), "default") not in ("", "default"):
        raise _Unclear("it is of another tier than 'default'")
    order = _order(spec)
    if order == _OF_KUBERNETES:
        raise _Unclear("it has the order of NetworkPolicies, so their names decide which comes first")
    early = order is not None and order < _OF_KUBERNETES
    rules = {
        way: tuple(one for item in spec.items(way.value.lower()) for one in _rule(item, way, namespace)) for way in Direction
    }
    types = [one.text() for one in spec.items("types")]
    if set(types) - {way.value for way in Direction}:
        raise _Unclear("its types are others than Ingress and Egress")
    directions = tuple(way for way in Direction if way.value in types)
    if not types:  # as Calico's API does
        directions = tuple(way for way in Direction if rules[way] or (way is Direction.INGRESS and not rules[Direction.EGRESS]))
    if not early:
        rules = {way: _late(found) for way, found in rules.items()}
    chosen = spec.get("namespaceSelector")
    everywhere = None if namespace else _selector(text_at(chosen), spaces=True)
    return PolicySeen(
        kind=KINDS[kind],
        namespace=namespace,
        name=name,
        at=found.at,
        tier=PolicyTier.ADMIN if early else PolicyTier.NAMESPACE,
        pods=_selector(text_at(spec.get("selector"))),
        namespaces=everywhere,
        priority=_AFTER_ADMIN + int((order or 0) * 1000) if early else 0,
        directions=directions,
        declared=True,
        ingress=rules[Direction.INGRESS] if Direction.INGRESS in directions else (),
        egress=rules[Direction.EGRESS] if Direction.EGRESS in directions else (),
    )


def _order(spec: Field) -> float | None:
    node = spec.node.items.get("order") if isinstance(spec.node, Mapping) else None
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return None
    try:
        return float(str(node.value)) if isinstance(node, Scalar) else None
    except ValueError:
        raise _Unclear("its order is not a number") from None


def _late(rules: tuple[PolicyRule, ...]) -> tuple[PolicyRule, ...]:
    """What rules after the NetworkPolicies add. One that denies everything at the end says only what holds anyway."""
    denying = [number for number, one in enumerate(rules) if one.action is Action.DENY]
    if any(number + 1 < len(rules) or rules[number].peers or rules[number].ports for number in denying):
        raise _Unclear("it has no order below 1000, and a rule that denies something")
    return tuple(one for one in rules if one.action is Action.ALLOW)


def _rule(item: Field, way: Direction, namespace: str) -> Iterator[PolicyRule]:
    _known(item, _RULE, item.path)
    action = text_at(item.get("action"))
    if action == "Log":
        return
    if action not in ("Allow", "Deny"):
        raise _Unclear(f"{item.path} has the action {action[:20]!r}")
    given = item.get("protocol")
    protocol: Protocol | None = None
    if given is not None:
        said = str(given.whole_or_text()).lower()
        if said in _OTHERS:
            return
        if said not in _PROTOCOLS:
            raise _Unclear(f"{given.path} is {said[:20]!r}")
        protocol = _PROTOCOLS[said]
    source, target = item.get("source"), item.get("destination")
    for side in (source, target):
        if side is not None:
            _known(side, _SIDE, side.path)
    own, peer = (target, source) if way is Direction.INGRESS else (source, target)
    if source is not None and source.get("ports") is not None:
        raise _Unclear(f"{source.path} has ports")
    if own is not None and any(own.get(name) is not None for name in _SIDE - {"ports"}):
        raise _Unclear(f"{own.path} narrows the pods of the policy itself")
    ports = tuple(_ports(target.get("ports"), target, protocol)) if target is not None else ()
    if not ports and protocol is not None:
        ports = (PortRange(protocol=protocol),)
    peers = tuple(_peers(peer, namespace)) if peer is not None else ()
    version = item.get("ipVersion")
    if version is not None and (any(one.block is None for one in peers) or not peers):
        raise _Unclear(f"{version.path} narrows a rule that names no networks")
    yield PolicyRule(
        at=item.at, field=item.path, action=Action.ALLOW if action == "Allow" else Action.DENY, peers=peers, ports=ports
    )


def _ports(found: Field | None, side: Field, protocol: Protocol | None) -> Iterator[PortRange]:
    if found is None:
        return
    if protocol is None:
        raise _Unclear(f"{found.path} needs a protocol")
    for one in side.items("ports"):
        value = one.whole_or_text()
        first, colon, last = str(value).partition(":")
        if first.isdigit() and (not colon or last.isdigit()):
            yield PortRange(protocol=protocol, first=int(first), last=int(last or first))
        else:
            yield PortRange(protocol=protocol, name=str(value))


def _peers(side: Field, namespace: str) -> Iterator[Peer]:
    pods, spaces = side.get("selector"), side.get("namespaceSelector")
    nets, without = [*side.items("nets")], [*side.items("notNets")]
    if nets or without:
        if pods is not None or spaces is not None:
            raise _Unclear(f"{side.path} names pods and networks at once")
        excepts = tuple(block.cidr for one in without if (block := block_of(one)) is not None)
        wide = [("0.0.0.0/0", side), ("::/0", side)] if not nets else []
        for one in nets:
            block = block_of(one)
            wide += [(block.cidr, one)] if block is not None else []
        for cidr, at in wide:
            same = tuple(other for other in excepts if (":" in other) is (":" in cidr))
            yield Peer(at=at.at, block=Block(cidr=cidr, excepts=same))
        return
    if pods is None and spaces is None:
        return
    chosen = _selector(text_at(pods)) if pods is not None else Selector()
    if spaces is not None:
        yield Peer(at=side.at, namespaces=_selector(text_at(spaces), spaces=True), pods=chosen)
    else:
        yield Peer(at=side.at, namespaces=None if namespace else Selector(), pods=chosen)


def _selector(text: str, *, spaces: bool = False) -> Selector:
    """A selector in Calico's language, if it is a list of conditions that must all hold."""
    labels: list[Label] = []
    asked: list[Requirement] = []
    rest = text.strip()
    while rest:
        found = _TERM.match(rest)
        if found is None or (found.end() < len(rest) and not rest[found.end() :].startswith("&&")):
            raise _Unclear(f"the selector {text[:80]!r}")
        key = found["key"] or found["has"] or ""
        if spaces and key == _NAMESPACE:
            key = _KUBERNETES_NAME
        if key.startswith("projectcalico.org/"):
            raise _Unclear(f"the selector {text[:80]!r}")
        if found["has"]:
            asked.append(Requirement(key=key, operator=Operator.DOES_NOT_EXIST if found["not"] else Operator.EXISTS))
        elif found["is"]:
            value = found["value"][1:-1]
            if found["is"] == "!=":
                asked.append(Requirement(key=key, operator=Operator.NOT_IN, values=(value,)))
            else:
                labels.append(Label(key=key, value=value))
        elif found["in"]:
            values = tuple(dict.fromkeys(one.strip()[1:-1] for one in found["values"].split(",") if one.strip()))
            operator = Operator.IN if found["in"] == "in" else Operator.NOT_IN
            asked.append(Requirement(key=key, operator=operator, values=values))
        rest = rest[found.end() :]
        if rest:
            rest = rest[2:].strip()
            if not rest:
                raise _Unclear(f"the selector {text[:80]!r}")
    return Selector(labels=tuple(labels), expressions=tuple(asked))


def _known(found: Field, names: frozenset[str], path: str) -> None:
    given = set(found.node.items) if isinstance(found.node, Mapping) else {"?"}
    other = sorted(given - names)
    if other:
        raise _Unclear(f"{path} has {other[0]!r}")
