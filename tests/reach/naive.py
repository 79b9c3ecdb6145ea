"""The meaning of policies, one packet at a time and with nothing clever: what the engine is held against."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from arcops.seen.network import (
    CILIUM,
    Action,
    Direction,
    Label,
    Network,
    Operator,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    Protocol,
    Selector,
)
from reach.addresses import Domain

End = PodSet | IPv4Address | IPv6Address | Domain


def matches(selector: Selector | None, labels: tuple[Label, ...]) -> bool:
    if selector is None:
        return True
    have = {label.key: label.value for label in labels}
    for label in selector.labels:
        if have.get(label.key) != label.value:
            return False
    for asked in selector.expressions:
        value = have.get(asked.key)
        holds = {
            Operator.IN: value is not None and value in asked.values,
            Operator.NOT_IN: value is None or value not in asked.values,
            Operator.EXISTS: value is not None,
            Operator.DOES_NOT_EXIST: value is None,
        }[asked.operator]
        if not holds:
            return False
    return True


class Naive:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.labels = {one.name: one.labels for one in network.namespaces}

    def allowed(self, source: End, target: End, protocol: Protocol, port: int) -> bool:
        if isinstance(source, PodSet) and not self.side(Direction.EGRESS, source, target, target, protocol, port):
            return False
        return not isinstance(target, PodSet) or self.side(Direction.INGRESS, target, source, target, protocol, port)

    def side(self, direction: Direction, subject: PodSet, peer: End, target: End, protocol: Protocol, port: int) -> bool:
        about = [one for one in self.network.policies if self.is_about(one, subject)]

        def walk(tier: PolicyTier) -> str:
            """``allow``, ``deny``, ``skip`` (to the baseline) or ``none``: stage by stage, rule by rule."""
            found = [one for one in about if one.tier is tier]
            for stage in sorted({one.stage for one in found}):
                here = sorted((one for one in found if one.stage == stage), key=lambda one: (one.priority, one.kind, one.name))
                actions = [
                    (rule.action, policy)
                    for policy in here
                    for rule in rules(policy, direction)
                    if self.rule_hits(policy, rule, peer, target, protocol, port)
                ]
                if actions:
                    action, policy = actions[0]
                    if action is Action.PASS and policy.beside:
                        return "skip"
                    if action is not Action.PASS:
                        return "allow" if action is Action.ALLOW else "deny"
                elif any(one.closes and direction in one.directions for one in here):
                    return "deny"
            return "none"

        decided = walk(PolicyTier.ADMIN)
        if decided in ("allow", "deny"):
            return decided == "allow"
        if decided == "none":
            own = [one for one in about if one.tier is PolicyTier.NAMESPACE]
            hits = [
                rule.action
                for policy in own
                for rule in rules(policy, direction)
                if (direction in policy.directions or policy.kind in CILIUM)
                and self.rule_hits(policy, rule, peer, target, protocol, port)
            ]
            if Action.DENY in hits:
                return False
            closing = [one for one in about if one.tier is PolicyTier.NAMESPACE or one.beside]
            if any(direction in policy.directions for policy in closing) and Action.ALLOW in hits:
                return True
            late = walk(PolicyTier.LATE)
            if late in ("allow", "deny"):
                return late == "allow"
            if late == "none" and any(direction in one.directions for one in closing):
                return False
        return walk(PolicyTier.BASELINE) != "deny"

    def is_about(self, policy: PolicySeen, pods: PodSet) -> bool:
        if policy.kind in CILIUM | {"CalicoNetworkPolicy"} and policy.namespaces is None:
            return not pods.host_network and policy.namespace == pods.namespace and matches(policy.pods, pods.labels)
        if policy.kind == "NetworkPolicy":
            return policy.namespace == pods.namespace and matches(policy.pods, pods.labels)
        if pods.host_network:
            return False
        return matches(policy.namespaces, self.labels[pods.namespace]) and matches(policy.pods, pods.labels)

    def rule_hits(self, policy: PolicySeen, rule: PolicyRule, peer: End, target: End, protocol: Protocol, port: int) -> bool:
        if rule.peers and not any(self.peer_is(policy, one, peer) for one in rule.peers):
            return False
        if not rule.ports:
            return True
        for one in rule.ports:
            if one.protocol not in (None, protocol):
                continue
            if not one.name:
                if one.first <= port <= one.last:
                    return True
            elif isinstance(target, PodSet):
                for known in target.ports:
                    if (known.name, known.protocol, known.number) == (one.name, protocol, port):
                        return True
        return False

    def peer_is(self, policy: PolicySeen, peer: Peer, end: End) -> bool:
        if peer.block is not None:
            if isinstance(end, PodSet | Domain) or not peer.block.cidr:
                return False
            return end in ip_network(peer.block.cidr) and not any(end in ip_network(one) for one in peer.block.excepts)
        if peer.domain or isinstance(end, Domain):
            return isinstance(end, Domain) and end.name == peer.domain
        if not isinstance(end, PodSet) or peer.nodes is not None:
            return False
        if policy.kind != "NetworkPolicy" and end.host_network:
            return False
        if peer.namespaces is None:
            if end.namespace != policy.namespace:
                return False
        elif not matches(peer.namespaces, self.labels[end.namespace]):
            return False
        return matches(peer.pods, end.labels)


def rules(policy: PolicySeen, direction: Direction) -> tuple[PolicyRule, ...]:
    return policy.ingress if direction is Direction.INGRESS else policy.egress
