"""What rules say, one by one: which peers and ports they name, and whether they have any effect."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Location, Rule
from arcops.seen.network import (
    SYSTEM,
    Action,
    Direction,
    Label,
    Network,
    Operator,
    Peer,
    PolicyRule,
    PolicySeen,
    Protocol,
    Selector,
)
from gates.listing import listed
from gates.network.network.used import USED, unused
from gates.network.network.width import many_ports, wide_places, wide_together
from gates.network.words import place
from gates.words import shown
from reach.selectors import Labelled

Seen = Evidence[Network]
INGRESS = Rule(
    id="network/ingress",
    asks="Does every ingress rule name the callers?",
    fix="Name the callers by namespaceSelector and podSelector, or the addresses by a narrow ipBlock.",
)

EGRESS = Rule(
    id="network/egress",
    asks="Does every egress rule name the destinations?",
    fix="Name the peers by namespaceSelector and podSelector, or the addresses by a narrow ipBlock.",
)

PORTS = Rule(
    id="network/ports",
    asks="Does every rule name its ports?",
    fix="List the ports that the peer uses.",
)

DNS = Rule(
    id="network/dns",
    asks="Do rules for DNS open connections only to the DNS pods?",
    fix="Under the namespaceSelector for kube-system add 'podSelector: {matchLabels: {k8s-app: kube-dns}}'.",
)

EFFECTIVE = Rule(
    id="network/effective",
    asks="Is every rule that is written also enforced?",
    fix="Add the direction to 'policyTypes', or remove the rules.",
)


def findings(
    seen: Seen, *, dns_labels: tuple[Label, ...], widest: dict[int, int], pod_networks: tuple[str, ...] = ()
) -> Iterator[Finding]:
    body = seen.body
    letting = [
        (policy, direction, rule)
        for policy in body.policies
        for direction, rule in _rules(policy)
        if rule.action is Action.ALLOW and in_force(policy, direction)
    ]
    wide = [
        (policy, direction, rule, why) for policy, direction, rule in letting for why in wide_places(direction, rule, widest)
    ]
    for direction in Direction:
        together = wide_together(body, direction, widest, pod_networks)
        wide += [(policy, direction, rule, (at, why)) for policy, rule, at, why in together]
    for asked, direction in ((INGRESS, Direction.INGRESS), (EGRESS, Direction.EGRESS)):
        yield from listed(
            (
                _fails(
                    seen, asked, policy, rule, at, why, warns=way is Direction.EGRESS and _dns_anywhere(rule, at, dns_labels)
                )
                for policy, way, rule, (at, why) in wide
                if way is direction
            ),
            asked.passes(f"Every rule for {direction.value.lower()} names its peers.", seen),
        )
    portless = (
        PORTS.warns(
            shown(f"{place(rule.at)}: {rule.field} of {policy.title} opens {many} to its peers."),
            seen,
            about=policy.title,
            location=rule.at,
        )
        for policy, direction, rule in letting
        if rule.peers and (many := many_ports(rule))
    )
    yield from listed(portless, PORTS.passes("Every rule names its ports.", seen))
    dns = (
        _fails(seen, DNS, policy, rule, peer.at, "opens DNS to every pod there, not only to the DNS pods")
        for policy, direction, rule in letting
        if direction is Direction.EGRESS and _for_dns(rule)
        for peer in rule.peers
        if all_of_system(body, peer, policy, dns_labels)
    )
    yield from listed(dns, DNS.passes("No rule for DNS opens more than the DNS pods.", seen))
    idle = (
        _fails(seen, EFFECTIVE, policy, rule, rule.at, f"is not enforced, because policyTypes does not list {direction.value}")
        for policy in body.policies
        for direction, rule in _rules(policy)
        if not in_force(policy, direction)
    )
    yield from listed(idle, EFFECTIVE.passes("Every rule is enforced.", seen))
    yield from listed(unused(seen), USED.passes("Every policy selects pods, and every rule adds something.", seen))


def _fails(
    seen: Seen, asked: Rule, policy: PolicySeen, rule: PolicyRule, at: Location, why: str, *, warns: bool = False
) -> Finding:
    text = f"{place(at)}: {rule.field} of {policy.title} {why}."
    say = asked.warns if warns else asked.fails
    return say(shown(text), seen, about=policy.title, location=at)


def _dns_anywhere(rule: PolicyRule, at: Location, marks: tuple[Label, ...]) -> bool:
    """Does *rule* open only DNS there, and only to pods with the label of DNS pods? Another namespace may have such pods."""
    only_dns = bool(rule.ports) and all(port.first == port.last == 53 or port.name.startswith("dns") for port in rule.ports)
    return only_dns and any(peer.at == at and peer.pods is not None and _only_marked(peer.pods, marks) for peer in rule.peers)


def _rules(policy: PolicySeen) -> Iterator[tuple[Direction, PolicyRule]]:
    for rule in policy.ingress:
        yield Direction.INGRESS, rule
    for rule in policy.egress:
        yield Direction.EGRESS, rule


def in_force(policy: PolicySeen, direction: Direction) -> bool:
    return policy.counts(direction)


def _for_dns(rule: PolicyRule) -> bool:
    """Is *rule* for DNS: does it name port 53, by its number or by its usual name?"""
    return any(
        port.first == port.last == 53 or port.name.startswith("dns")
        for port in rule.ports
        if port.protocol is not Protocol.SCTP
    )


def all_of_system(body: Network, peer: Peer, policy: PolicySeen, marks: tuple[Label, ...]) -> bool:
    """Does *peer* include pods of kube-system that are not marked as DNS pods?"""
    if peer.block is not None or peer.nodes is not None or peer.domain:
        return False
    named = policy.namespace == SYSTEM if peer.namespaces is None else _names_system(body, peer.namespaces)
    return named and not _only_marked(peer.pods or Selector(), marks)


def _names_system(body: Network, selector: Selector) -> bool:
    """Is kube-system among them? If no manifest declares it, only a selector that says its name, or nothing, includes it."""
    known = [one for one in body.namespaces if one.name == SYSTEM and one.declared]
    if known:
        return bool(Labelled([known[0].labels]).select(selector)[0])
    said = {label.value for label in selector.labels}
    said |= {value for one in selector.expressions if one.operator is Operator.IN for value in one.values}
    barred = {value for one in selector.expressions if one.operator is Operator.NOT_IN for value in one.values}
    return SYSTEM in said or (not said and SYSTEM not in barred)


def _only_marked(pods: Selector, marks: tuple[Label, ...]) -> bool:
    if any(mark in pods.labels for mark in marks):
        return True
    values = {mark.key: {one.value for one in marks if one.key == mark.key} for mark in marks}
    return any(
        asked.operator is Operator.IN and set(asked.values) <= values.get(asked.key, set()) for asked in pods.expressions
    )
