"""Ways in from outside, each with what it opens: which pods, ports and names, for which callers, and by which rules.

A Service on nodes or a load balancer, and a port of the node, forward packets from addresses outside. An Ingress or a route is
served by its own pods, which policies must allow like others: there ``sources`` is empty, and the rules say which callers may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from arcops.finding import Location
from arcops.seen.network import Action, Direction, Network, PodSet, Protocol
from reach.addresses import AddressSpan
from reach.arrays import np
from reach.attachment import Attachment, attachments
from reach.decision import Layer, Reason
from reach.entries import WayIn, entries
from reach.future import future_pods, with_future_pods
from reach.mesh_layer import MeshLayer
from reach.ports import Ports
from reach.selectors import Flags
from reach.world import World

ANY = "any address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener by which requests come in: ``protocol`` and ``port`` are its own."""

    title: str
    at: Location
    protocol: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One way in to one kind of pods. ``how`` describes it, ``at`` is its place in the manifests.

    ``hosts`` are its host names, ``listeners`` those of Gateways that accept it. ``protocol`` and ``port`` are the pods' own;
    ``port`` is 0 for every port, ``pods`` is empty if no pods of these manifests are meant. ``open``: policies and the mesh
    allow some caller this way. ``doubts`` say why that is not certain.
    """

    how: str
    at: Location
    pods: str
    protocol: Protocol
    port: int
    open: bool
    hosts: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    sources: tuple[str, ...] = ()
    rules: tuple[Reason, ...] = ()
    doubts: tuple[str, ...] = ()


def openings(network: Network) -> Iterator[Opening]:
    """Every way in that *network* declares, in the order of the manifests."""
    ways = list(entries(network))
    asked = {
        Ports(protocol=way.protocol, first=port, last=port) for way in ways for pods in way.pods if (port := way.port_of(pods))
    }
    found = _Openings(network, sorted(asked, key=lambda one: (one.protocol.value, one.first)))
    for way in ways:
        for pods in way.pods:
            yield found.of(way, pods)
        if not way.pods:
            doubt = f"{_place(way.at)}: {way.lost or f'{way.how} leads to pods that are not among these manifests'}"
            yield Opening(how=way.how, at=way.at, pods="", protocol=way.protocol, port=way.port, open=True, doubts=(doubt,))
    for pods in network.pods:
        if pods.host_network:
            how = f"{pods.title} in the network of its node"
            yield _on_node(how, pods.at, pods, Protocol.TCP, 0)
        for name in pods.attached:
            doubt = f"{_place(pods.at)}: policies do not apply to other networks ({name})"
            yield Opening(
                how=f"{pods.title} in other networks",
                at=pods.at,
                pods=pods.title,
                protocol=Protocol.TCP,
                port=0,
                open=True,
                sources=(ANY,),
                doubts=(doubt,),
            )


def _on_node(how: str, at: Location, pods: PodSet, protocol: Protocol, port: int) -> Opening:
    """Pods in the network of their node: policies may not apply to them."""
    doubt = f"{_place(pods.at)}: {pods.title} uses the network of its node, so policies may not apply to it"
    return Opening(how=how, at=at, pods=pods.title, protocol=protocol, port=port, open=True, sources=(ANY,), doubts=(doubt,))


class _Openings:
    def __init__(self, network: Network, cuts: Iterable[Ports]) -> None:
        # Callers behind an Ingress or a route are pods that may be in no manifest, so those that rules name are asked about.
        made = future_pods((network, network), network.policies, {one.name for one in network.namespaces})
        self._world, self._mesh = World(with_future_pods(network, made), cuts=cuts), MeshLayer(network)
        self._attached: dict[int, list[Attachment]] = {}
        for one in attachments(network):
            self._attached.setdefault(id(one.route), []).append(one)
        self._may: dict[int, Flags] = {}

    def of(self, way: WayIn, pods: PodSet) -> Opening:
        port = way.port_of(pods)
        if pods.host_network:
            return _on_node(way.how, way.at, pods, way.protocol, port)
        if not port:
            closed = f"{_place(pods.at)}: {pods.title} has no port of the name {way.port_name!r}"
            return Opening(how=way.how, at=way.at, pods=pods.title, protocol=way.protocol, port=0, open=False, doubts=(closed,))
        return self._routed(way, pods, port) if way.route is not None else self._direct(way, pods, port)

    def _direct(self, way: WayIn, pods: PodSet, port: int) -> Opening:
        spans = self._let_in(pods, way.protocol, port)
        whole = len(spans) == len(self._world.terrain.outside.spans)
        rules, doubts = list(self._rules(pods, way.protocol, port, lets_in=bool(spans))), []
        open_now = bool(spans)
        if spans:
            said = self._mesh.say(None, pods, way.protocol, port, way.service)
            open_now, doubts = said.allowed, list(said.doubts)
            rules += said.reasons
            if not whole and way.service is not None:
                text = "nodes may replace the client's address by their own, so rules about addresses may not apply"
                doubts.append(f"{_place(way.at)}: {text}")
        return Opening(
            how=way.how,
            at=way.at,
            pods=pods.title,
            protocol=way.protocol,
            port=port,
            open=open_now,
            sources=(ANY,) if whole else tuple(_ranges(spans)),
            rules=tuple(rules),
            doubts=tuple(doubts),
        )

    def _routed(self, way: WayIn, pods: PodSet, port: int) -> Opening:
        assert way.route is not None  # noqa: S101  # the caller has just looked
        hosts, listeners, doubts = list(way.route.hosts), list[Listener](), list[str]()
        attached = way.route.alone
        if not attached:
            hosts = []
            for one in self._attached.get(id(way.route), ()):
                attached = attached or bool(one.listeners) or one.unknown
                doubts += [f"{_place(one.parent.at)}: {one.refusal}"] if one.unknown else []
                for listener, names in one.listeners:
                    title = f"{one.gateway.title} {listener.name}" if one.gateway is not None else listener.name
                    listeners.append(Listener(title=title, at=listener.at, protocol=listener.protocol, port=listener.port))
                    hosts += names
        # What serves it may be a pod of an ambient mesh, whose packets come by the tunnel.
        on = {port, self._world.wire_port(pods, pods, way.protocol, port)}
        lets_in = any(self._row(pods, way.protocol, one).any() for one in on)
        rules = tuple(self._rules(pods, way.protocol, port, lets_in=lets_in))
        if not attached:
            rules = tuple(_unattached(way.route.title, one) for one in self._attached.get(id(way.route), ()))
        return Opening(
            how=way.how,
            at=way.at,
            pods=pods.title,
            protocol=way.protocol,
            port=port,
            open=attached and lets_in,
            hosts=tuple(dict.fromkeys(hosts or way.route.hosts)),
            listeners=tuple(listeners),
            rules=rules,
            doubts=tuple(dict.fromkeys(doubts)),
        )

    def _let_in(self, pods: PodSet, protocol: Protocol, port: int) -> list[AddressSpan]:
        """The ranges of addresses outside from which policies let packets come to *port* of *pods*."""
        row = self._row(pods, protocol, port)[len(self._world.first_of_class) :]
        return [span for span, let in zip(self._world.terrain.outside.spans, row, strict=False) if let]

    def _row(self, pods: PodSet, protocol: Protocol, port: int) -> Flags:
        """Which ends may open connections to *port* of *pods*: classes of pods, then addresses outside and host names."""
        world = self._world
        one = int(world.port_class_of[world.terrain.ports.position(protocol, port)])
        if one not in self._may:
            self._may[one] = np.unpackbits(world.may(Direction.INGRESS, one), axis=1, count=world.ends).view(np.bool_)
        found: Flags = self._may[one][int(world.class_of[world.position(pods)])]
        return found

    def _rules(self, pods: PodSet, protocol: Protocol, port: int, *, lets_in: bool) -> Iterator[Reason]:
        """The rules that allow a caller to *port* of *pods*; else those that deny, and the policies that close it; else that no
        policy does.
        """
        world = self._world
        mine, piece = world.position(pods), world.terrain.ports.position(protocol, port)
        about = list(world.about(mine))
        hits = [
            (policy, clause.rule)
            for policy, clauses in about
            for clause in clauses
            if clause.direction is Direction.INGRESS and clause.subject[mine] and clause.ports[piece]
        ]
        wanted = Action.ALLOW if lets_in else Action.DENY
        found = [(policy, rule) for policy, rule in hits if rule.action is wanted]
        for policy, rule in found:
            text = f"{policy.title} {'allows' if lets_in else 'denies'} it by {rule.field or 'the end of its tier'}"
            yield Reason(
                direction=Direction.INGRESS, allows=lets_in, policy=policy.title, rule=rule.field, at=rule.at, text=text
            )
        closing = [policy for policy, _ in about if Direction.INGRESS in policy.isolates]
        for policy in () if lets_in else closing:
            text = f"{policy.title} closes it, and no rule allows it"
            yield Reason(direction=Direction.INGRESS, allows=False, policy=policy.title, rule="", at=policy.at, text=text)
        if lets_in and not closing:
            text = f"no policy closes {pods.title} for ingress"
            yield Reason(
                layer=Layer.NETWORK, direction=Direction.INGRESS, allows=True, policy="", rule="", at=pods.at, text=text
            )


def _unattached(route: str, found: Attachment) -> Reason:
    text = f"{route} does not attach: {found.refusal}"
    return Reason(direction=Direction.INGRESS, allows=False, policy=route, rule="", at=found.parent.at, text=text)


def _ranges(spans: list[AddressSpan]) -> Iterator[str]:
    """*spans*, which are in order, with adjacent ones joined."""
    merged: list[AddressSpan] = []
    for one in spans:
        if merged and (merged[-1].version, merged[-1].last + 1) == (one.version, one.first):
            merged[-1] = AddressSpan(version=one.version, first=merged[-1].first, last=one.last)
        else:
            merged.append(one)
    for one in merged:
        yield f"any IPv{one.version} address" if one.whole else str(one)


def _place(at: Location) -> str:
    return f"{at.path}:{at.line}"
