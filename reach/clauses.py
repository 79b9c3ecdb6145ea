"""Policies flattened into clauses: these pods may, or may not, connect to those peers on these ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcops.seen.network import (
    Action,
    Direction,
    Network,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PortRange,
    Protocol,
    Requirement,
    Selector,
)
from reach.addresses import Outside
from reach.arrays import np
from reach.effort import Effort
from reach.ports import Ports, PortSpace
from reach.selectors import Flags, Labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(slots=True, kw_only=True)
class Clause:
    """One rule of one policy, with ports by number: a port by name gives a clause for each number that has this name.

    ``subject`` are flags over pods, ``peers`` over pods and then the ends outside (ranges of addresses, then host names),
    ``ports`` over port pieces. ``last``: no rule of the policy, but the end of its stage (`PolicySeen.closes`).
    """

    policy: PolicySeen
    rule: PolicyRule
    direction: Direction
    subject: Flags
    peers: Flags
    ports: Flags
    last: bool = False


class Terrain:
    """Pods, addresses and ports as the clauses see them.

    ``names_anywhere``: a rule by host name counts as a rule for every address outside, because DNS may answer with any of them.
    """

    def __init__(
        self, network: Network, points: Iterable[str] = (), cuts: Iterable[Ports] = (), *, names_anywhere: bool = False
    ) -> None:
        self.effort = Effort()
        self.pods = network.pods
        self.policies = network.policies
        rules = [rule for policy in network.policies for rule in (*policy.ingress, *policy.egress)]
        blocks = {peer.block for rule in rules for peer in rule.peers if peer.block is not None}
        asked = {port for rule in rules for port in rule.ports}
        domains = {peer.domain for rule in rules for peer in rule.peers if peer.domain}
        self.outside = Outside(sorted(blocks, key=lambda one: (one.cidr, one.excepts)), points, domains)
        self._names_anywhere = names_anywhere
        self._named = _named_ports(network.pods, {port.name for port in asked if port.name}, self.effort)
        numbered = [
            Ports(protocol=protocol, first=port.first, last=port.last)
            for port in asked
            if not port.name
            for protocol in ([port.protocol] if port.protocol else Protocol)
        ]
        behind = [Ports(protocol=key[1], first=number, last=number) for key, found in self._named.items() for number in found]
        self.ports = PortSpace([*numbered, *behind, *cuts])
        self.effort.hold(200 * len(self.ports.pieces) + 400 * len(self.outside.ends))
        self._namespaces = {one.name: position for position, one in enumerate(network.namespaces)}
        self._where = np.array([self._namespaces[pod.namespace] for pod in network.pods], dtype=np.intp)
        self._by_pod_labels = Labelled(pod.labels for pod in network.pods)
        self._by_namespace_labels = Labelled(one.labels for one in network.namespaces)
        self._not_host = np.array([not pod.host_network for pod in network.pods], dtype=np.bool_)
        self._named_by: dict[tuple[str, bool, tuple[object, ...]], Flags] = {}
        self._of_both: dict[tuple[int, int], tuple[Flags | None, Flags, NDArray[np.intp]]] = {}
        self._any: dict[int, tuple[bool, Flags]] = {}
        self._asked: dict[tuple[PortRange, ...], Flags | None] = {}
        self._at_number = {
            (key[1], number): self.ports.within(Ports(protocol=key[1], first=number, last=number))
            for key, found in self._named.items()
            for number in found
        }
        self._chosen: dict[tuple[str, Selector | None, Selector | None], Flags] = {}
        self.isolated = {direction: np.zeros(len(self.pods), dtype=np.bool_) for direction in Direction}
        for policy in network.policies:
            self.effort.spend(2 * len(self.pods))
            for direction in policy.isolates:
                self.isolated[direction] |= self.subject(policy)
        self.closed = {direction: found.copy() for direction, found in self.isolated.items()}
        """The pods for which what no rule allows is denied: those that are isolated, and those that a stage's end denies."""
        for policy in network.policies:
            for direction in policy.directions if policy.closes else ():
                self.closed[direction] |= self.subject(policy)

    def subject(self, policy: PolicySeen) -> Flags:
        """The pods that *policy* selects."""
        if policy.plain:
            return self.choose(policy.namespace, None, policy.pods)
        # By definition, cluster-wide policies do not apply to pods in their node's network; for Cilium these pods are not
        # endpoints.
        spaces = policy.namespaces if policy.namespaces is not None or policy.namespace else Selector()
        return self.choose(policy.namespace, spaces, policy.pods) & self._own_network()

    def choose(self, namespace: str, namespaces: Selector | None, pods: Selector | None) -> Flags:
        """The pods that the selectors name, seen from *namespace*."""
        key = (namespace if namespaces is None else "", namespaces, pods)
        found = self._chosen.get(key)
        if found is None:
            self._count(pods, namespaces)
            chosen = self._by_pod_labels.select(pods or Selector())
            if namespaces is None:
                position = self._namespaces.get(namespace)
                chosen &= self._where == (-1 if position is None else position)
            elif not namespaces.everything and self.pods:
                chosen &= self._by_namespace_labels.select(namespaces)[self._where]
            found = self._chosen[key] = chosen
        return found

    def _count(self, pods: Selector | None, namespaces: Selector | None) -> None:
        terms = [term for one in (pods, namespaces) if one is not None for term in (*one.labels, *one.expressions)]
        values = sum(len(one.values) for one in terms if isinstance(one, Requirement))
        self.effort.spend((len(terms) + 2) * len(self.pods), steps=len(terms) + values + 2)
        # The answer is cached, and so may be the answer to each term.
        self.effort.hold((len(terms) + 1) * len(self.pods))

    def clauses(self, policy: PolicySeen) -> Iterator[Clause]:
        """The clauses of *policy* in the order of its rules; a rule of a direction that it does not enforce has no clause."""
        subject = self.subject(policy)
        for direction, rules in ((Direction.INGRESS, policy.ingress), (Direction.EGRESS, policy.egress)):
            if not policy.counts(direction):
                continue
            for rule in rules:
                yield from self._of_rule(policy, rule, direction, subject)
        for direction in policy.directions if policy.closes else ():
            end = PolicyRule(at=policy.at, field="", action=Action.DENY)
            for clause in self._of_rule(policy, end, direction, subject):
                clause.last = True
                yield clause

    def _of_rule(self, policy: PolicySeen, rule: PolicyRule, direction: Direction, subject: Flags) -> Iterator[Clause]:
        peers = self.peers(policy, rule)
        self.effort.hold(len(self.ports.pieces))
        ports = self._numbered(rule.ports)
        if ports is not None:
            yield Clause(policy=policy, rule=rule, direction=direction, subject=subject, peers=peers, ports=ports)
        for port in rule.ports:
            if port.name:
                yield from self._by_name(policy, rule, direction, port, subject, peers)

    def _numbered(self, asked: tuple[PortRange, ...]) -> Flags | None:
        """The pieces that are *asked* for by number (all, if nothing is asked for); `None` if no piece is. Kept for the next
        rule with the same ports.
        """
        if asked in self._asked:
            return self._asked[asked]
        self.effort.spend(3 * len(asked) * len(self.ports.pieces), steps=3 * len(asked) + 1)
        ports = np.zeros(len(self.ports.pieces), dtype=np.bool_)
        for port in asked:
            if not port.name:
                for protocol in [port.protocol] if port.protocol else Protocol:
                    ports |= self.ports.within(Ports(protocol=protocol, first=port.first, last=port.last))
        if not asked:
            ports[:] = True
        found = self._asked[asked] = ports if ports.any() else None
        return found

    def _by_name(
        self, policy: PolicySeen, rule: PolicyRule, direction: Direction, port: PortRange, subject: Flags, peers: Flags
    ) -> Iterator[Clause]:
        """A port by name belongs to the destination: the subject for ingress, the peer for egress. An address has no names."""
        target, other = (subject, peers) if direction is Direction.INGRESS else (peers, subject)
        if not self._names_any(other):
            return
        for protocol in [port.protocol] if port.protocol else Protocol:
            for number, having in self._named.get((port.name, protocol), {}).items():
                both = self._having(target, having)
                if both is not None:
                    self.effort.hold(len(self.pods) + len(peers) + len(self.ports.pieces))
                    chosen, called = (both, peers) if direction is Direction.INGRESS else (subject, both)
                    ports = self._at_number[protocol, number]
                    yield Clause(policy=policy, rule=rule, direction=direction, subject=chosen, peers=called, ports=ports)

    def _names_any(self, flags: Flags) -> bool:
        """Is any flag set? Asked once for each array, which is kept with the answer."""
        found = self._any.get(id(flags))
        if found is None:
            found = self._any[id(flags)] = (bool(flags.any()), flags)
        return found[0]

    def _having(self, flags: Flags, having: NDArray[np.intp]) -> Flags | None:
        """Of *flags* (over pods, or over pods and what is outside) those of the pods at *having*; `None` if no pod is.

        Made once for each two. The key is the identity of both, which are kept with the answer, so that no other array can take
        it over.
        """
        key = (id(flags), id(having))
        found = self._of_both.get(key)
        if found is None:
            self.effort.spend(2 * len(having), steps=2)
            kept = having[flags[having]]
            made = None
            if kept.size:
                made = np.zeros(len(flags), dtype=np.bool_)
                made[kept] = True
            found = self._of_both[key] = (made, flags, having)
        return found[0]

    def peers(self, policy: PolicySeen, rule: PolicyRule) -> Flags:
        """The peers that *rule* names: flags over pods, then over the ranges outside."""
        words = tuple((peer.namespaces, peer.pods, peer.block, peer.nodes, peer.domain) for peer in rule.peers)
        relative = any(peer.block is None and peer.namespaces is None for peer in rule.peers)
        key = (policy.namespace if relative else "", policy.plain, words)
        found = self._named_by.get(key)
        if found is None:
            found = self._named_by[key] = self._peers(policy, rule)
        return found

    def _peers(self, policy: PolicySeen, rule: PolicyRule) -> Flags:
        self.effort.hold(len(self.pods) + len(self.outside.ends))
        excepts = sum(len(peer.block.excepts) for peer in rule.peers if peer.block is not None)
        each = len(self.pods) + 3 * len(self.outside.ends)
        self.effort.spend(len(rule.peers) * each + excepts * 64, steps=5 * (len(rule.peers) + excepts))
        inside = np.zeros(len(self.pods), dtype=np.bool_)
        outside = np.zeros(len(self.outside.ends), dtype=np.bool_)
        for peer in rule.peers:
            if peer.block is not None:
                outside |= self.outside.of_block(peer.block)
            elif peer.domain:
                outside |= np.ones_like(outside) if self._names_anywhere else self.outside.of_domain(peer.domain)
            elif peer.nodes is None:
                inside |= self._of_peer(policy, peer)
        if not rule.peers:
            inside[:] = True
            outside[:] = True
        return np.concatenate([inside, outside])

    def _of_peer(self, policy: PolicySeen, peer: Peer) -> Flags:
        chosen = self.choose(policy.namespace, peer.namespaces, peer.pods)
        return chosen if policy.plain else chosen & self._own_network()

    def _own_network(self) -> Flags:
        return self._not_host


def _named_ports(
    pods: tuple[PodSet, ...], names: set[str], effort: Effort
) -> dict[tuple[str, Protocol], dict[int, NDArray[np.intp]]]:
    """For each name and protocol that rules use: its numbers in order, each with the positions of the pods that have it."""
    found: dict[tuple[str, Protocol], dict[int, list[int]]] = {}
    for position, pod in enumerate(pods):
        for port in pod.ports:
            if port.name in names:
                effort.hold(16)
                found.setdefault((port.name, port.protocol), {}).setdefault(port.number, []).append(position)
    return {
        key: {number: np.array(sorted(set(at)), dtype=np.intp) for number, at in sorted(numbers.items())}
        for key, numbers in found.items()
    }
