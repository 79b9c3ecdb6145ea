"""*May this end connect to that one?* asked by name; answered with reasons, and with the doubts about the answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from arcops.seen.network import Action, Direction, Network, PodSet, Protocol
from reach.addresses import Domain
from reach.decision import Decision, End, Reason, decide
from reach.doubts import doubts
from reach.ends import NamedPort, doors, sources
from reach.mesh_layer import MeshLayer
from reach.ports import Ports
from reach.tunnels import Tunnels
from reach.waypoints import Waypoint
from reach.world import HBONE, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One pair of ends of the question. ``port`` is 0 if the target has no port of the given name."""

    source: str
    target: str
    protocol: Protocol
    port: int
    allowed: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``allowed`` if any of the connections is. ``doubts`` are sentences; an answer without doubts is certain."""

    allowed: bool
    connections: tuple[Connection, ...]
    doubts: tuple[str, ...]


def ask(network: Network, source: str, target: str) -> Answer:
    """May *source* (``NAMESPACE/NAME``) open a connection to *target* (``NAME:PORT``)? Raises `Refused` for unknown names.

    It is not checked whether anything listens there.
    """
    origins = sources(network, source)
    near = next((one.namespace for one in origins if isinstance(one, PodSet)), "")
    found = doors(network, target, near)
    ends = (*origins, *(door.end for door in found))
    addresses = {str(one) for one in ends if not isinstance(one, PodSet | Domain)}
    tunnel = Ports(protocol=Protocol.TCP, first=HBONE, last=HBONE)
    world, mesh, tunnels = World(network, points=sorted(addresses), cuts=[tunnel]), MeshLayer(network), Tunnels(network)
    connections = []
    of_mesh: list[str] = []
    for origin in origins:
        for door in found:
            if door.port:
                way = tunnels.way(origin, door.end, door.protocol, door.service)
                if way is not None:
                    decision = _through(world, origin, door.end, way)
                else:
                    decision = decide(world, origin, door.end, door.protocol, door.port)
                said = mesh.say(origin, door.end, door.protocol, door.port, door.service)
                passes, reasons = decision.allowed, (*decision.reasons, *said.reasons)
                for carried, doubt in tunnels.perhaps(origin, door.end, door.protocol, door.service):
                    # If it is not known whether the tunnel carries it, it is open if either way is.
                    other = decide(world, origin, door.end, door.protocol, HBONE).allowed if carried else decision.allowed
                    if other != decision.allowed or not carried:
                        passes, of_mesh = passes or other, [*of_mesh, doubt]
                allowed = passes and said.allowed
                of_mesh += said.doubts if passes else ()
            else:
                allowed, reasons = False, ()
            connections.append(
                Connection(
                    source=_title(origin),
                    target=_title(door.end),
                    protocol=door.protocol,
                    port=door.port,
                    allowed=allowed,
                    reasons=reasons,
                )
            )
    by_address = [one for origin in origins for door in found for one in _may_be_addressed(world, origin, door)]
    by_address += [one for origin in origins for door in found for one in _may_be_answered(world, origin, door)]
    return Answer(
        allowed=any(one.allowed for one in connections),
        connections=tuple(connections),
        doubts=tuple(
            dict.fromkeys(
                (
                    *said_doubts(network, filters=False),
                    *_of_nodes([one for one in ends if isinstance(one, PodSet)]),
                    *by_address,
                    *of_mesh,
                )
            )
        ),
    )


def _through(world: World, source: End, target: End, way: Waypoint) -> Decision:
    """Do policies let the tunnel pass from *source* to a pod of the waypoint, and from there to *target*?"""
    found = []
    for pods in way.pods:
        first, second = decide(world, source, pods, Protocol.TCP, HBONE), decide(world, pods, target, Protocol.TCP, HBONE)
        kept = [one for one in (first, second) if not one.allowed] or [first, second]
        reasons = tuple(
            replace(one, text=f"{one.text} (as TCP {HBONE}, by the waypoint {way.title})")
            for part in kept
            for one in part.reasons
        )
        found.append(Decision(allowed=first.allowed and second.allowed, reasons=reasons))
    return next((one for one in found if one.allowed), found[0])


def _title(end: End) -> str:
    return end.title if isinstance(end, PodSet) else str(end)


def said_doubts(network: Network, harmless: Collection[str] = (), *, filters: bool = True) -> Iterator[str]:
    """Sentences about what makes answers about *network* uncertain. *harmless* kinds are known not to affect traffic; without
    *filters*, EnvoyFilters are left out.
    """
    for one in (*network.unread, *network.refused, *doubts(network, harmless, filters=filters)):
        place = f"{one.at.path}:{one.at.line}" if one.at.line else one.at.path
        field = f"{one.about} {one.field}".strip() if one.field else ""
        yield f"{place}: {f'{field}: ' if field else ''}{one.text}"


def _of_nodes(ends: list[PodSet]) -> Iterator[str]:
    for pods in {id(one): one for one in ends}.values():
        if pods.host_network:
            where = f"{pods.at.path}:{pods.at.line}"
            yield f"{where}: {pods.title} uses the network of its node, so policies may not apply to it"
        if pods.attached:
            where = f"{pods.at.path}:{pods.at.line}"
            yield f"{where}: {pods.title} has other networks, too ({', '.join(pods.attached)}), to which policies do not apply"


def _may_be_addressed(world: World, source: End, door: NamedPort) -> Iterator[str]:
    """Rules by address that would open a closed connection between pods, if a pod's address lies in their block."""
    target = door.end
    if not (isinstance(source, PodSet) and isinstance(target, PodSet) and door.port):
        return
    if decide(world, source, target, door.protocol, door.port).allowed:
        return
    piece = world.terrain.ports.position(door.protocol, world.wire_port(source, target, door.protocol, door.port))
    for direction, subject in ((Direction.EGRESS, source), (Direction.INGRESS, target)):
        mine = world.position(subject)
        for clause in (clause for _, clauses in world.about(mine) for clause in clauses):
            if clause.rule.action is not Action.ALLOW:
                continue  # a rule that denies cannot open it
            if clause.direction is direction and clause.subject[mine] and clause.ports[piece]:
                for peer in clause.rule.peers:
                    if peer.block is not None and peer.block.cidr:
                        where = f"{peer.at.path}:{peer.at.line}"
                        yield f"{where}: {clause.policy.title} names {peer.block.cidr}, which may also hold addresses of pods"


def _may_be_answered(world: World, source: End, door: NamedPort) -> Iterator[str]:
    """Rules by host name that would open a closed connection to an address, if DNS answers with that address."""
    if not isinstance(source, PodSet) or isinstance(door.end, PodSet | Domain) or not door.port:
        return
    decision = decide(world, source, door.end, door.protocol, door.port)
    if decision.allowed or any(one.rule for one in decision.reasons):
        return  # open, or denied by a rule of its own, whatever the name resolves to
    mine = world.position(source)
    piece = world.terrain.ports.position(door.protocol, door.port)
    for clause in (clause for _, clauses in world.about(mine) for clause in clauses):
        if clause.direction is Direction.EGRESS and clause.subject[mine] and clause.ports[piece]:
            for peer in clause.rule.peers:
                if peer.domain and clause.rule.action is not Action.DENY:
                    where = f"{peer.at.path}:{peer.at.line}"
                    yield f"{where}: {clause.policy.title} names {peer.domain}, which may resolve to {door.end}"
