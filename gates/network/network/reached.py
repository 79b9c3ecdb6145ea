"""What no pod should reach, computed from all policies together: the metadata service and the API server."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.network import Direction, Network, PodSet, Protocol
from gates.listing import listed
from gates.network.network import hosts, isolated
from gates.network.words import place
from gates.words import shown
from reach.addresses import Address
from reach.arrays import np
from reach.decision import decide
from reach.selectors import Flags
from reach.world import World

Seen = Evidence[Network]
METADATA = Rule(
    id="network/metadata",
    asks="Is the cloud's metadata service unreachable for every pod?",
    fix="Add the address to 'except' of the ipBlock, or name narrower addresses.",
)

API_SERVER = Rule(
    id="network/api-server",
    asks="Is the API server unreachable for every pod that does not need it?",
    fix="Name narrower addresses, add its address to 'apiServer' of gate 'network', or name the workloads that need it under "
    "'apiClients'.",
)

_API_PORTS = (443, 6443)
_METADATA_PORTS = (80, 443, 32526)
"""HTTP and HTTPS, and the second port of Azure's WireServer."""


def findings(
    seen: Seen, *, metadata: tuple[str, ...], api_server: tuple[str, ...], api_clients: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """*api_clients* are the workloads that need the API server, by their titles."""
    world = World(seen.body, points=(*metadata, *api_server))
    out = _reached_outside(world)
    yield from isolated.findings(seen, world)
    near, asked = _metadata(seen, world, out, metadata), _api_server(seen, world, out, api_server)
    if hosts.named(seen.body):
        near, asked = _with_names(seen, near, asked, metadata, api_server)
    others = (one for one in asked if not {one.about, one.about.rpartition(" ")[0]} & set(api_clients))
    yield from listed(near, METADATA.passes(_unreached(seen, "a metadata service"), seen))
    yield from listed(others, API_SERVER.passes(_unreached(seen, "the API server", api_clients), seen))


def _with_names(
    seen: Seen, near: Iterator[Finding], asked: Iterator[Finding], metadata: tuple[str, ...], api_server: tuple[str, ...]
) -> tuple[Iterator[Finding], Iterator[Finding]]:
    """*near* and *asked*, and what would also be reached if the name service answered with the worst address."""
    worst = World(seen.body, points=(*metadata, *api_server), names_anywhere=True)
    out = _reached_outside(worst)

    def more(
        rule: Rule, found: Iterator[Finding], addresses: tuple[str, ...], ports: tuple[int, ...], what: str
    ) -> Iterator[Finding]:
        certain = list(found)
        yield from certain
        known = {one.about for one in certain}
        reached = (
            hit
            for text in addresses
            for hit in _who_reaches(worst, out, text, ports)
            if not _undecided(worst, worst.position(hit[0]))
        )
        yield from hosts.perhaps(rule, seen, known, reached, what)

    return (
        more(METADATA, near, metadata, _METADATA_PORTS, "the metadata service"),
        more(API_SERVER, asked, api_server, (), "the API server"),
    )


def _unreached(seen: Seen, what: str, clients: tuple[str, ...] = ()) -> str:
    known = [one.title for one in seen.body.pods if one.title in clients]
    but = f", except {', '.join(known[:5])}, which the policy says need it" if known else ""
    return f"None of the {len(seen.body.pods)} workload(s) can reach {what}{but}."


def _reached_outside(world: World) -> dict[int, Flags]:
    """For each class of ports: which classes of pods (rows) may reach which ranges of addresses outside (columns)."""
    pods = len(world.first_of_class)
    world.effort.hold(len(world.port_classes) * pods * (world.ends - pods))
    first = pods // 8  # the byte in which the first range stands; what is before it is about pods
    count = world.ends - 8 * first
    return {
        one: np.unpackbits(world.may(Direction.EGRESS, one)[:, first:], axis=1, count=count).view(np.bool_)[
            :, pods - 8 * first :
        ]
        for one in world.port_classes
    }


def _metadata(seen: Seen, world: World, out: dict[int, Flags], addresses: tuple[str, ...]) -> Iterator[Finding]:
    hits = [hit for text in addresses for hit in _who_reaches(world, out, text, _METADATA_PORTS)]
    yield from _gathered(METADATA, seen, world, hits, "the metadata service")


def _api_server(seen: Seen, world: World, out: dict[int, Flags], addresses: tuple[str, ...]) -> Iterator[Finding]:
    hits = [hit for text in addresses for hit in _who_reaches(world, out, text, ())]
    yield from _gathered(API_SERVER, seen, world, hits, "the API server")
    if addresses:
        return
    free: dict[str, list[PodSet]] = {}
    ports = {int(world.port_class_of[world.terrain.ports.position(Protocol.TCP, port)]) for port in _API_PORTS}
    for position, pod in enumerate(seen.body.pods):
        row = int(world.class_of[position])
        if not any(out[one][row].any() for one in ports):
            continue
        if _undecided(world, position):
            free.setdefault(pod.namespace, []).append(pod)
        else:
            text = (
                f"{place(pod.at)}: {pod.title} may reach addresses outside on port 443 or 6443, and the address of the API "
                "server is not known."
            )
            yield API_SERVER.unknown(shown(text), seen, about=pod.title, location=pod.at)
    for namespace, pods in free.items():
        text = f"{_no_policy(pods)}, also of the API server, whose address is not known."
        yield API_SERVER.unknown(shown(text), seen, about=f"Namespace {namespace} egress", location=pods[0].at, fix=_CLOSE)


def _gathered(rule: Rule, seen: Seen, world: World, hits: list[tuple[PodSet, Address, int]], what: str) -> Iterator[Finding]:
    """One finding for each pod and address; but one for all pods of a namespace that no policy closes, which is one cause."""
    free: dict[str, dict[str, PodSet]] = {}
    addresses: dict[str, dict[str, None]] = {}
    for pod, address, port in hits:
        if _undecided(world, world.position(pod)):
            free.setdefault(pod.namespace, {})[pod.title] = pod
            addresses.setdefault(pod.namespace, {})[str(address)] = None
        else:
            yield _reach_finding(rule, seen, world, pod, address, port, f"{what} at {address}")
    for namespace, pods in free.items():
        text = f"{_no_policy(list(pods.values()))}, also {what} at {', '.join(addresses[namespace])}."
        at = next(iter(pods.values())).at
        yield rule.fails(shown(text), seen, about=f"Namespace {namespace} egress", location=at, fix=_CLOSE)


_CLOSE = "Add a NetworkPolicy with 'podSelector: {}' and 'policyTypes: [Egress]' to the namespace, and allow single peers."


def _undecided(world: World, position: int) -> bool:
    """Does no policy at all decide what the pods at *position* may reach?"""
    return not any(Direction.EGRESS in one.directions or one.egress for one, _ in world.about(position))


def _no_policy(pods: list[PodSet]) -> str:
    first = pods[0]
    more = f" and {len(pods) - 1} more workload(s) in namespace {first.namespace}" if len(pods) > 1 else ""
    return f"{place(first.at)}: no policy closes {first.title}{more} for egress, so every address can be reached"


def _who_reaches(
    world: World, out: dict[int, Flags], text: str, ports: tuple[int, ...]
) -> Iterator[tuple[PodSet, Address, int]]:
    """Each pod that reaches an address of *text* by TCP on one of *ports* (if none is given: on any), with the first such
    address.
    """
    within = world.terrain.outside.within(text)
    spans = world.terrain.outside.spans
    space = world.terrain.ports
    asked = ports or tuple(piece.first for piece in space.pieces if piece.protocol is Protocol.TCP)
    wanted = np.flatnonzero(within)
    # Ports of one class behave alike, so the first of each stands for all of them. Pods of one class do, too.
    classes: dict[int, int] = {}
    for port in asked:
        classes.setdefault(int(world.port_class_of[space.position(Protocol.TCP, port)]), port)
    found: dict[int, tuple[Address, int]] = {}
    for port_class, port in classes.items():
        hits = out[port_class][:, wanted]
        for row in np.flatnonzero(hits.any(axis=1)).tolist():
            if row not in found:
                first = spans[int(wanted[int(hits[row].argmax())])]
                found[row] = _address(first.version, first.first), port
    for position, pod in enumerate(world.network.pods):
        row = int(world.class_of[position])
        if row in found:
            yield pod, *found[row]


def _address(version: int, value: int) -> Address:
    return ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)


def _reach_finding(rule: Rule, seen: Seen, world: World, pod: PodSet, address: Address, port: int, what: str) -> Finding:
    reason = decide(world, pod, address, Protocol.TCP, port).reasons[0]
    at = reason.at or pod.at
    text = f"{place(at)}: {pod.title} can reach {what} (TCP {port}): {reason.text}."
    return rule.fails(shown(text), seen, about=f"{pod.title} {address}", location=at)
