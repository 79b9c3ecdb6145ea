"""The policies of a server, proven before they are applied: the engine of ``arcops network`` says what they open.

Every end that any rule can tell apart is asked for on every range of ports: addresses, host names, pods beside it and
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from arcops.errors import Broken
from arcops.seen.network import METADATA_SERVICES, Direction, Network, PodSet, Protocol
from manifests.description import Port
from manifests.objects import Json, KubeObject, Thawed, inner, text_of
from manifests.server.names import HEALTH_PORT, RELAY_PORT, SERVER_LABEL, labels
from manifests.server.network import by_gateway
from manifests.server.plan import ServerPlan
from reach.addresses import Address, AddressSpan, Domain
from reach.arrays import np
from reach.decision import End
from reach.ports import Ports
from reach.world import World
from tasks.network.network import network_of

_POLICIES = ("NetworkPolicy", "CiliumNetworkPolicy", "ClusterNetworkPolicy")
_ELSEWHERE = "arcops-elsewhere"
_NAME = "arcops-any-name"
_OTHER_LABELS = {"arcops.dev/stand-in": "other"}


def prove(plan: ServerPlan, objects: Sequence[KubeObject]) -> int:
    """Check that the policies among *objects* open exactly what *plan* says; how many connections were asked for.

    Raises `Broken` with the first connection that is open and should not be, or the other way round.
    """
    policies = [one for one in objects if one.name.kind in _POLICIES]
    if any(SERVER_LABEL in one.labels for one in plan.egress.pods) or any(_NAME in one.text for one in policies):
        return _proven(_Key(plan), tuple(one.text for one in policies))
    # What the policies open does not depend on the server's name: with another one in its place, servers of one profile share
    # their proof.
    texts = tuple(text_of(_renamed(one.value, plan.name, number)) for number, one in enumerate(policies))
    try:
        return _proven(_Key(replace(plan, name=_NAME)), texts)
    except Broken as error:
        raise Broken(str(error).replace(_NAME, plan.name)) from None


def _renamed(value: dict[str, Thawed], name: str, number: int) -> Json:
    """The policy with this *number* of the server *name*, as one of another server. Only its spec decides what it opens."""
    namespace = inner(value, "metadata", "namespace")
    metadata: Json = {"name": f"{_NAME}-{number}", **({"namespace": namespace} if namespace else {})}
    return {**_of_another(value, name), "metadata": metadata}


def _of_another(value: Mapping[str, Json], name: str) -> dict[str, Json]:
    return {key: _NAME if key == SERVER_LABEL and one == name else _inside(one, name) for key, one in value.items()}


def _inside(value: Json, name: str) -> Json:
    if isinstance(value, dict):
        return _of_another(value, name)
    return [_inside(one, name) for one in value] if isinstance(value, list) else value


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
    seen = network_of((f"policy-{number}.yaml", text.encode()) for number, text in enumerate(texts))
    if seen.unread or seen.refused:
        raise Broken(f"a policy of {plan.name} could not be read back: {(*seen.unread, *seen.refused)[0].text}")
    others = _read("\n---\n".join(_stand_ins(plan)))
    seen = replace(seen, pods=others.pods, namespaces=others.namespaces)
    world = World(seen, points=_points(plan), cuts=[Ports(protocol=Protocol.TCP, first=one, last=one) for one in _cuts(plan)])
    own = next(one for one in seen.pods if one.name == "own")
    for other in seen.pods:
        if other is not own and list(world.about(world.position(other))):
            raise Broken(f"the policy of {plan.name} also selects {other.title}, which is another server's or no server")
    asked = 0
    allowed = [(direction, _allowed(world, own, direction)) for direction in (Direction.EGRESS, Direction.INGRESS)]
    for place, end in _ends(world, own):
        opened = _Opened(plan, end)
        asks = (opened.leaves, opened.enters) if isinstance(end, PodSet) else (opened.leaves,)
        for ask, (direction, answers) in zip(asks, allowed, strict=False):  # an address outside has no side of its own
            for piece, answer in zip(world.terrain.ports.pieces, answers, strict=True):
                if answer[place] is not ask(piece):
                    does = "opens" if answer[place] else "closes"
                    what = f"{direction.value} {_title(end)} {piece.protocol.value} {piece.first}"
                    raise Broken(f"the policy of {plan.name} {does} {what}")
            asked += len(answers)
    return asked


@lru_cache(maxsize=256)
def _read(text: str) -> Network:
    """The pods and namespaces that *text* describes; those of one namespace are mostly the same. Raises `Broken`."""
    found = network_of([("stand-ins.yaml", text.encode())])
    if found.unread or found.refused:
        raise Broken(f"what stands in for other pods could not be read: {(*found.unread, *found.refused)[0].text}")
    return found


def _allowed(world: World, own: PodSet, direction: Direction) -> list[list[bool]]:
    """For each range of ports and each end: do the policies of the pods themselves allow it in *direction*?"""
    row = int(world.class_of[world.position(own)])
    of_class = [
        np.unpackbits(world.may(direction, one)[row], count=world.ends).view(np.bool_).tolist() for one in world.port_classes
    ]
    return [of_class[one] for one in world.port_class_of.tolist()]


def _ends(world: World, own: PodSet) -> Iterator[tuple[int, End]]:
    """Every end but the pods themselves, with its place among those of *world*."""
    for position, pods in enumerate(world.network.pods):
        if pods is not own:
            yield int(world.class_of[position]), pods
    for place, end in enumerate(world.terrain.outside.ends, start=len(world.first_of_class)):
        yield place, ip_address(end.first) if isinstance(end, AddressSpan) and end.version == 4 else _named(end)


def _named(end: AddressSpan | Domain) -> End:
    if isinstance(end, Domain):
        return end
    return ip_address(end.first.to_bytes(16, "big"))


def _title(end: End) -> str:
    return end.title if isinstance(end, PodSet) else str(end)


class _Opened:
    """Which ports of *end* are to be open. Said again from the plan, without looking at the policies."""

    def __init__(self, plan: ServerPlan, end: End) -> None:
        self._plan, self._end = plan, end
        egress = plan.egress
        self._never = self._api = False
        self._ports: frozenset[int] = frozenset()
        self._dns = egress.everything
        if isinstance(end, Domain):
            self._ports = _ports(one.ports for one in egress.hosts if one.name == end.name)
        elif isinstance(end, PodSet):
            namespace, labels_of = next((space, of) for name, space, of in _pods(plan) if name == end.name)
            matching = (one for one in egress.pods if one.namespace == namespace and one.labels.items() <= labels_of.items())
            self._ports = _ports(one.ports for one in matching) | _of_mesh(plan, end.name)
            self._dns |= end.name == "dns" and egress.names
        else:
            self._never = _within(end, _never(plan))
            self._api = not plan.site.is_cilium and _within(end, plan.site.api_server)
            self._ports = _ports(one.ports for one in egress.addresses if _within(end, (one.cidr,)))

    def leaves(self, piece: Ports) -> bool:
        """May the pods connect to it?"""
        tcp, egress = piece.protocol is Protocol.TCP, self._plan.egress
        if self._never:
            return tcp and self._api and piece.first in egress.api_server
        if egress.everything and not isinstance(self._end, Domain) and not egress.ports:
            return True
        if self._dns and piece.first == 53 and piece.protocol is not Protocol.SCTP:
            return True
        return tcp and (piece.first in self._ports or (egress.everything and piece.first in egress.ports))

    def enters(self, piece: Ports) -> bool:
        """May it connect to the pods?"""
        end, plan = self._end, self._plan
        if piece.protocol is not Protocol.TCP or not isinstance(end, PodSet):
            return False
        if piece.first == HEALTH_PORT:
            return end.namespace == plan.operator_namespace
        return piece.first == RELAY_PORT and (plan.callers is None or end.namespace in plan.callers)


def _ports(of: Iterable[tuple[Port, ...]]) -> frozenset[int]:
    return frozenset(one.port for ports in of for one in ports)


def _of_mesh(plan: ServerPlan, name: str) -> frozenset[int]:
    gateway = plan.site.egress_gateway
    if not by_gateway(plan) or gateway is None:
        return frozenset()
    known = {"plane": plan.site.control_plane.port, "gateway": gateway.target_port}
    return frozenset((known[name],)) if name in known else frozenset()


def _never(plan: ServerPlan) -> tuple[str, ...]:
    return (*METADATA_SERVICES, *plan.site.metadata, *plan.site.api_server)


def _within(address: Address, blocks: Iterable[str]) -> bool:
    networks = (_network(one) for one in blocks)
    return any(one.version == address.version and address in one for one in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def _points(plan: ServerPlan) -> list[str]:
    return [*_never(plan), *(one.cidr for one in plan.egress.addresses), "203.0.113.7", "2001:db8::7"]


def _cuts(plan: ServerPlan) -> list[int]:
    egress = plan.egress
    named = _ports([*(one.ports for one in egress.hosts), *(one.ports for one in egress.addresses)])
    return sorted({53, 80, 443, RELAY_PORT, HEALTH_PORT, plan.spec.target_port, *named, *egress.ports, *egress.api_server})


def _pods(plan: ServerPlan) -> list[tuple[str, str, dict[str, str]]]:
    """The pods, one beside them, one elsewhere, those of DNS, the operator and its neighbours, and those that are allowed."""
    gateway, plane = plan.site.egress_gateway, plan.site.control_plane
    pods: list[tuple[str, str, dict[str, str]]] = [
        ("own", plan.namespace, labels(plan.name, plan.owner.kind)),
        ("sibling", plan.namespace, {**labels(plan.name, plan.owner.kind), SERVER_LABEL: f"{plan.name}-other"}),
        ("neighbour", plan.namespace, _OTHER_LABELS),
        ("unrelated", _ELSEWHERE, _OTHER_LABELS),
        ("dns", "kube-system", dict(plan.site.dns_labels)),
        ("system", "kube-system", _OTHER_LABELS),
        ("operator", plan.operator_namespace, _OTHER_LABELS),
    ]
    pods += [(f"allowed-{number}", one.namespace, dict(one.labels)) for number, one in enumerate(plan.egress.pods)]
    if by_gateway(plan) and gateway is not None:
        pods += [("gateway", gateway.namespace, dict(gateway.labels)), ("plane", plane.namespace, dict(plane.labels))]
    return pods


def _stand_ins(plan: ServerPlan) -> Iterator[str]:
    pods = _pods(plan)
    spaces = sorted({namespace for _, namespace, _ in pods})
    for space in spaces:
        named: Json = {"name": space, "labels": {"kubernetes.io/metadata.name": space}}
        yield text_of({"apiVersion": "v1", "kind": "Namespace", "metadata": named})
    for name, namespace, of in pods:
        metadata: Json = {"name": name, "namespace": namespace, "labels": of}
        yield text_of({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}})
