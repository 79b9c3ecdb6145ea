"""The policies of a server, proven before they are applied: the engine of ``arcops network`` says what they open.

Every end that any rule can tell apart is asked for on every range of ports: addresses, host names, pods beside it and
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

from arcops.errors import Broken
from arcops.seen.network import METADATA_SERVICES, Direction, PodSet, Protocol
from manifests.objects import Json, KubeObject, text_of
from manifests.server.names import HEALTH_PORT, RELAY_PORT, SERVER_LABEL, labels
from manifests.server.network import by_gateway
from manifests.server.plan import ServerPlan
from reach.addresses import AddressSpan, Domain
from reach.decision import End, decide
from reach.ports import Ports
from reach.world import World
from tasks.network.network import network_of

_POLICIES = ("NetworkPolicy", "CiliumNetworkPolicy", "ClusterNetworkPolicy")
_ELSEWHERE = "arcops-elsewhere"
_OTHER_LABELS = {"arcops.dev/stand-in": "other"}


def prove(plan: ServerPlan, objects: Sequence[KubeObject]) -> int:
    """Check that the policies among *objects* open exactly what *plan* says; how many connections were asked for.

    Raises `Broken` with the first connection that is open and should not be, or the other way round.
    """
    texts = tuple(one.text for one in objects if one.name.kind in _POLICIES)
    return _proven(_Key(plan), texts)


class _Key:
    """A plan, compared by all that decides what its policies open; names of its own are not among it."""

    def __init__(self, plan: ServerPlan) -> None:
        self.plan = plan
        self._said = (
            repr(plan.egress),
            repr(plan.site),
            plan.callers,
            plan.operator_namespace,
            plan.namespace,
            plan.name,
            plan.owner.kind,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)


@lru_cache(maxsize=4096)
def _proven(key: _Key, texts: tuple[str, ...]) -> int:
    plan = key.plan
    files = [(f"policy-{number}.yaml", text.encode()) for number, text in enumerate(texts)]
    seen = network_of([*files, ("stand-ins.yaml", "\n---\n".join(_stand_ins(plan)).encode())])
    if seen.unread or seen.refused:
        raise Broken(f"a policy of {plan.name} could not be read back: {(*seen.unread, *seen.refused)[0].text}")
    world = World(seen, points=_points(plan), cuts=[Ports(protocol=Protocol.TCP, first=one, last=one) for one in _cuts(plan)])
    own = next(one for one in seen.pods if one.name == "own")
    asked = 0
    for piece in world.terrain.ports.pieces:
        for end in _ends(world, own):
            for direction in (Direction.EGRESS, Direction.INGRESS):
                if direction is Direction.EGRESS:
                    wanted = _leaves(plan, end, piece)
                elif isinstance(end, PodSet):
                    wanted = _enters(plan, end, piece)
                else:
                    continue
                if _allowed(world, own, end, piece, direction) is not wanted:
                    opened = "closes" if wanted else "opens"
                    raise Broken(
                        f"the policy of {plan.name} {opened} {direction.value} {_title(end)} {piece.protocol} {piece.first}"
                    )
                asked += 1
    return asked


def _allowed(world: World, own: PodSet, end: End, piece: Ports, direction: Direction) -> bool:
    source, target = (own, end) if direction is Direction.EGRESS else (end, own)
    reasons = decide(world, source, target, piece.protocol, piece.first).reasons
    return all(one.allows for one in reasons if one.direction is direction)


def _ends(world: World, own: PodSet) -> Iterator[End]:
    yield from (one for one in world.network.pods if one is not own)
    for end in world.terrain.outside.ends:
        yield ip_address(end.first) if isinstance(end, AddressSpan) and end.version == 4 else _named(end)


def _named(end: AddressSpan | Domain) -> End:
    if isinstance(end, Domain):
        return end
    return ip_address(end.first.to_bytes(16, "big"))


def _title(end: End) -> str:
    return end.title if isinstance(end, PodSet) else str(end)


def _leaves(plan: ServerPlan, end: End, piece: Ports) -> bool:
    """May the pods connect to *end*? Said again from the plan, without looking at the policies."""
    egress = plan.egress
    tcp = piece.protocol is Protocol.TCP
    dns = (tcp and piece.first == 53) or (piece.protocol is Protocol.UDP and piece.first == 53)
    if isinstance(end, Domain):
        return tcp and any(end.name == one.name and piece.first in {port.port for port in one.ports} for one in egress.hosts)
    if egress.everything:
        if not isinstance(end, PodSet) and any(_holds(one, end) for one in _never(plan)):
            return False
        return not egress.ports or dns or (tcp and piece.first in egress.ports)
    if isinstance(end, PodSet):
        if end.name == "dns" and egress.names:
            return dns
        if end.name.startswith("allowed-"):
            one = egress.pods[int(end.name.removeprefix("allowed-"))]
            return tcp and piece.first in {port.port for port in one.ports}
        if by_gateway(plan):
            gateway = plan.site.egress_gateway
            return tcp and (
                (end.name == "plane" and piece.first == plan.site.control_plane.port)
                or (end.name == "gateway" and gateway is not None and piece.first == gateway.target_port)
            )
        return False
    if any(_holds(one, end) for one in _never(plan)):
        named = plan.site.cni.lower() != "cilium" and any(_holds(one, end) for one in plan.site.api_server)
        return tcp and named and piece.first in egress.api_server
    return tcp and any(_holds(one.cidr, end) and piece.first in {port.port for port in one.ports} for one in egress.addresses)


def _enters(plan: ServerPlan, end: PodSet, piece: Ports) -> bool:
    """May *end* connect to the pods?"""
    if piece.protocol is not Protocol.TCP:
        return False
    if piece.first == HEALTH_PORT:
        return end.namespace == plan.operator_namespace
    return piece.first == RELAY_PORT and (plan.callers is None or end.namespace in plan.callers)


def _never(plan: ServerPlan) -> tuple[str, ...]:
    return (*METADATA_SERVICES, *plan.site.metadata, *plan.site.api_server)


def _holds(block: str, address: End) -> bool:
    if isinstance(address, PodSet | Domain):
        return False
    network = ip_network(block, strict=False)
    return network.version == address.version and address in network


def _points(plan: ServerPlan) -> list[str]:
    return [*_never(plan), *(one.cidr for one in plan.egress.addresses), "203.0.113.7", "2001:db8::7"]


def _cuts(plan: ServerPlan) -> list[int]:
    return sorted({53, 80, 443, RELAY_PORT, HEALTH_PORT, plan.spec.target_port})


def _stand_ins(plan: ServerPlan) -> Iterator[str]:
    """The pods, one beside them, one elsewhere, those of DNS, the operator and its neighbours, and those that are allowed."""
    gateway, plane = plan.site.egress_gateway, plan.site.control_plane
    pods: list[tuple[str, str, dict[str, str]]] = [
        ("own", plan.namespace, labels(plan.name, plan.owner.kind)),
        ("sibling", plan.namespace, {**labels(plan.name, plan.owner.kind), SERVER_LABEL: "another"}),
        ("neighbour", plan.namespace, _OTHER_LABELS),
        ("unrelated", _ELSEWHERE, _OTHER_LABELS),
        ("dns", "kube-system", dict(plan.site.dns_labels)),
        ("system", "kube-system", _OTHER_LABELS),
        ("operator", plan.operator_namespace, _OTHER_LABELS),
    ]
    pods += [(f"allowed-{number}", one.namespace, dict(one.labels)) for number, one in enumerate(plan.egress.pods)]
    if by_gateway(plan) and gateway is not None:
        pods += [("gateway", gateway.namespace, dict(gateway.labels)), ("plane", plane.namespace, dict(plane.labels))]
    spaces = sorted({namespace for _, namespace, _ in pods})
    for space in spaces:
        named: Json = {"name": space, "labels": {"kubernetes.io/metadata.name": space}}
        yield text_of({"apiVersion": "v1", "kind": "Namespace", "metadata": named})
    for name, namespace, of in pods:
        metadata: Json = {"name": name, "namespace": namespace, "labels": of}
        yield text_of({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}})
