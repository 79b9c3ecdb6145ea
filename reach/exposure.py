"""Callers of pods beyond those in the manifests: pods that may be created later, and addresses outside.

This is read from the rules of NetworkPolicies: a rule for pods that do not exist yet allows anyone who creates such a pod. If
other policies decide, too (those for the whole cluster, and rules that deny), the engine is asked about one such pod for each
kind of pods that any rule names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from arcops.seen.network import (
    NAMESPACE_NAME,
    Action,
    Direction,
    Network,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    Protocol,
    Selector,
)
from reach.addresses import AddressSpan, Domain
from reach.arrays import np
from reach.clauses import Terrain
from reach.future import FuturePods, with_future_pods, witness
from reach.ports import Ports
from reach.selectors import Flags
from reach.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlistedPods:
    """Pods that no manifest lists. ``namespace`` is a name, or empty if ``namespaces`` selects; both empty: all namespaces."""

    namespace: str
    namespaces: Selector
    pods: Selector

    @property
    def whole_cluster(self) -> bool:
        """Is this the whole cluster?"""
        return not self.namespace and self.namespaces.everything and self.pods.everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One peer for which *pods* are open in *direction*, and the ports: ``who`` is a kind of pods, a range of addresses, or a
    host name.

    ``names`` are ports by name whose number only the peer defines. ``known``: by its labels, ``who`` can only mean pods of
    the manifests.
    """

    pods: PodSet
    direction: Direction
    who: UnlistedPods | AddressSpan | Domain
    ports: str
    names: tuple[tuple[Protocol, str], ...] = ()
    known: bool = False


@dataclass(slots=True)
class _Open:
    ports: Flags
    names: set[tuple[Protocol, str]] = field(default_factory=set)

    def within(self, other: _Open) -> bool:
        return not (self.ports & ~other.ports).any() and self.names <= other.names


def exposures(network: Network) -> Iterator[Exposure]:
    """Every exposure of every pod, in the order of the manifests."""
    if any(not one.plain for one in network.policies):
        yield from _computed(network)
        return
    terrain = Terrain(network)
    about = [(policy, terrain.subject(policy)) for policy in terrain.policies if policy.tier is PolicyTier.NAMESPACE]
    for position, pods in enumerate(network.pods):
        mine = [policy for policy, subject in about if subject[position]]
        for direction in Direction:
            yield from _Exposed(terrain, pods, direction, mine).rows()


class _Exposed:
    def __init__(self, terrain: Terrain, pods: PodSet, direction: Direction, mine: list[PolicySeen]) -> None:
        self._terrain, self._pods, self._direction = terrain, pods, direction
        self._unlisted: dict[UnlistedPods, _Open] = {}
        self._shown: dict[UnlistedPods, UnlistedPods] = {}
        terrain.effort.spend(len(terrain.outside.ends) * len(terrain.ports.pieces), steps=3 * len(terrain.outside.ends))
        self._outside: list[Flags] = [self._nothing().ports for _ in terrain.outside.ends]
        enforcing = [policy for policy in mine if direction in policy.directions]
        for policy in mine if enforcing else ():
            if policy.counts(direction):
                for rule in policy.ingress if direction is Direction.INGRESS else policy.egress:
                    if rule.action is Action.ALLOW:
                        self._rule(policy, rule)
        if not enforcing:
            self._rule(None, PolicyRule(at=pods.at, field=""))

    def _nothing(self) -> _Open:
        return _Open(np.zeros(len(self._terrain.ports.pieces), dtype=np.bool_))

    def _rule(self, policy: PolicySeen | None, rule: PolicyRule) -> None:
        width, spans = len(self._terrain.ports.pieces), len(self._terrain.outside.spans)
        size = 3 * (len(rule.ports) + 1) * width + 2 * len(rule.peers) * spans
        self._terrain.effort.spend(size, steps=3 * len(rule.ports) + 5 * len(rule.peers) + 5)
        opened = self._ports(rule)
        if not rule.peers:
            self._add(UnlistedPods(namespace="", namespaces=Selector(), pods=Selector()), opened)
            for position in range(len(self._outside)):
                self._outside[position] = self._outside[position] | opened.ports
        for peer in rule.peers:
            if peer.block is not None:
                inside = np.flatnonzero(self._terrain.outside.of_block(peer.block)).tolist()
                self._terrain.effort.spend(len(inside) * width, steps=len(inside))
                for position in inside:
                    self._outside[position] = self._outside[position] | opened.ports
            elif peer.domain:
                position = self._terrain.outside.position(Domain(name=peer.domain))
                self._outside[position] = self._outside[position] | opened.ports
            elif policy is not None and peer.nodes is None:
                self._add(_unlisted_pods(policy.namespace, peer), opened)

    def _ports(self, rule: PolicyRule) -> _Open:
        found = self._nothing()
        space = self._terrain.ports
        if not rule.ports:
            found.ports[:] = True
        for port in rule.ports:
            for protocol in [port.protocol] if port.protocol else Protocol:
                if not port.name:
                    found.ports |= space.within(Ports(protocol=protocol, first=port.first, last=port.last))
                elif self._direction is Direction.EGRESS:
                    found.names.add((protocol, port.name))
                else:
                    for known in self._pods.ports:
                        if (known.name, known.protocol) == (port.name, protocol):
                            found.ports |= space.within(Ports(protocol=protocol, first=known.number, last=known.number))
        return found

    def _add(self, who: UnlistedPods, opened: _Open) -> None:
        shown = self._shown.setdefault(_canonical(who), who)
        known = self._unlisted.setdefault(shown, self._nothing())
        known.ports = known.ports | opened.ports
        known.names |= opened.names

    def rows(self) -> Iterator[Exposure]:
        for span, ports in zip(self._terrain.outside.ends, self._outside, strict=True):
            if ports.any():
                yield self._row(span, _Open(ports))
        everybody = next((opened for who, opened in self._unlisted.items() if who.whole_cluster), self._nothing())
        for who, opened in self._unlisted.items():
            if who.whole_cluster:
                if opened.ports.any() or opened.names:
                    yield self._row(who, opened)
            elif not opened.within(everybody):
                yield self._row(who, _Open(opened.ports | everybody.ports, opened.names | everybody.names))

    def _row(self, who: UnlistedPods | AddressSpan | Domain, opened: _Open) -> Exposure:
        return Exposure(
            pods=self._pods,
            direction=self._direction,
            who=who,
            ports=self._terrain.ports.said(opened.ports) if opened.ports.any() else "",
            names=tuple(sorted(opened.names, key=lambda one: (one[0].value, one[1]))),
            known=isinstance(who, UnlistedPods) and self._known(who),
        )

    def _known(self, who: UnlistedPods) -> bool:
        return _known_in(self._terrain, who, len(self._terrain.pods))


def _computed(network: Network) -> Iterator[Exposure]:
    """Every exposure, from all policies together, for each kind of pods that a rule names, and for pods that none names."""
    everybody = UnlistedPods(namespace="", namespaces=Selector(), pods=Selector())
    whos: dict[UnlistedPods, UnlistedPods] = {everybody: everybody}
    for policy in network.policies:
        for rule in (*policy.ingress, *policy.egress):
            for peer in rule.peers:
                if peer.block is None and not peer.domain and peer.nodes is None:
                    who = _unlisted_pods(policy.namespace, peer)
                    whos.setdefault(_canonical(who), who)
    made = FuturePods()
    found = [(who, witness(made, who.namespace, who.namespaces, who.pods)) for who in whos.values()]
    world = World(with_future_pods(network, made))
    place = {key: number for number, key in enumerate(made.found, start=len(network.pods))}
    asked = [(who, place[key]) for who, key in found if key is not None]
    tables = {
        way: [np.unpackbits(world.may(way, one), axis=1, count=world.ends).view(np.bool_) for one in world.port_classes]
        for way in Direction
    }
    first, outside = len(world.first_of_class), world.terrain.outside.ends
    wanted = [int(world.class_of[number]) for _, number in asked] + [first + number for number in range(len(outside))]
    ends = [*(who for who, _ in asked), *outside]
    for position, pods in enumerate(network.pods):
        mine = int(world.class_of[position])
        world.effort.spend(2 * len(wanted) * len(world.port_class_of), steps=4 * len(world.port_classes) + len(wanted))
        for way in Direction:
            opened = np.array([table[mine][wanted] for table in tables[way]], dtype=np.bool_)[world.port_class_of].T
            by_all = opened[0] if asked else np.zeros(opened.shape[1], dtype=np.bool_)
            for number in [*range(len(asked), len(ends)), *range(len(asked))]:
                end, ports = ends[number], opened[number]
                if not ports.any() or (0 < number < len(asked) and not (ports & ~by_all).any()):
                    continue
                known = isinstance(end, UnlistedPods) and _known_in(world.terrain, end, len(network.pods))
                yield Exposure(pods=pods, direction=way, who=end, ports=world.terrain.ports.said(ports), known=known)


def _known_in(terrain: Terrain, who: UnlistedPods, count: int) -> bool:
    """Does one of the first *count* pods have exactly the labels of *who*, in the one namespace that it names?"""
    if not who.namespace or who.pods.everything or who.pods.expressions:
        return False
    return bool(terrain.choose(who.namespace, None, who.pods)[:count].any())


def _unlisted_pods(namespace: str, peer: Peer) -> UnlistedPods:
    pods = _sorted(peer.pods or Selector())
    if peer.namespaces is None:
        return UnlistedPods(namespace=namespace, namespaces=Selector(), pods=pods)
    labels = peer.namespaces.labels
    if len(labels) == 1 and not peer.namespaces.expressions and labels[0].key == NAMESPACE_NAME:
        return UnlistedPods(namespace=labels[0].value, namespaces=Selector(), pods=pods)
    return UnlistedPods(namespace="", namespaces=_sorted(peer.namespaces), pods=pods)


def _sorted(selector: Selector) -> Selector:
    """*selector* with its requirements in the order of keys."""
    order = sorted(selector.expressions, key=lambda one: (one.key, one.operator.value, sorted(one.values)))
    return Selector(labels=selector.labels, expressions=tuple(order))


def _canonical(who: UnlistedPods) -> UnlistedPods:
    """*who* in a canonical form, so that the order of values does not matter."""

    def plain(selector: Selector) -> Selector:
        return Selector(
            labels=selector.labels,
            expressions=tuple(replace(one, values=tuple(sorted(one.values))) for one in selector.expressions),
        )

    return UnlistedPods(namespace=who.namespace, namespaces=plain(who.namespaces), pods=plain(who.pods))
