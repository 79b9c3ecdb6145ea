"""Compares two networks, the declared one and the one in a cluster: not by their text, but by allowed connections."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase

from arcops.finding import Location
from arcops.seen.network import BackendTlsSeen, GrantSeen, Network
from arcops.verdict import Verdict
from reach.addresses import AddressSpan, Domain
from reach.arrays import np
from reach.entries import entries
from reach.meshed import meshed
from reach.ports import Ports
from reach.roots import roots
from reach.selectors import Flags
from reach.world import World

Said = dict[str, tuple[Location, object]]
"""By the title of an object: its place, and its content."""


class Way(Enum):
    """What the cluster allows but was not declared, and what was declared but the cluster does not allow."""

    GAINED = "gained"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A connection that only one of the two allows. Ends are workloads, ranges of addresses outside, host names, or ways in."""

    way: Way
    source: str
    target: str
    ports: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An object that only one of the two has (``way``), or that has other content in the other (`None`)."""

    way: Way | None
    title: str
    at: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """``objects`` differ in content, not only in place or order; ``reach`` are the connections that this changes.

    ``layers`` are differences above the policies, in the mesh or at gateways; their effect is not computed here.
    ``as_found`` are namespaces of the cluster that were taken as they are.
    """

    objects: tuple[Difference, ...]
    reach: tuple[Change, ...]
    layers: tuple[Difference, ...] = ()
    as_found: tuple[str, ...] = ()

    def verdict(self, *, certain: bool) -> Verdict:
        """RED if more is allowed than was declared, or the answer is not certain; AMBER if less is allowed; else GREEN."""
        ways = {one.way for one in self.reach}
        if not certain or self.layers or Way.GAINED in ways:
            return Verdict.RED
        return Verdict.AMBER if ways else Verdict.GREEN


def compare(declared: Network, live: Network, as_found: Collection[str] = ()) -> Drift:
    """What *live* has and allows that *declared* does not, and the reverse.

    *as_found* are patterns of namespaces (``kube-*``). A namespace that matches and was not declared is taken as it is in the
    cluster: its pods are peers of what was declared, and nothing in it is drift.
    """
    found = frozenset(taken_as_found(declared, live, as_found))
    whole = _with_found(declared, live, found)
    changes = [*_reach(whole, live), *_ways(whole, live)]
    return Drift(
        objects=tuple(_objects(_texts(whole), _texts(live))),
        reach=tuple(sorted(changes, key=lambda one: one.way.value)),
        layers=tuple(_objects(layers(whole, frozenset()), layers(live, found))),
        as_found=tuple(sorted(found)),
    )


def declared_namespaces(declared: Network) -> frozenset[str]:
    """The namespaces that *declared* has objects for."""
    return frozenset((*(one.name for one in declared.namespaces), *(_namespace(one) for one in _above(declared)))) - {""}


def taken_as_found(declared: Network, live: Network, patterns: Collection[str]) -> Iterator[str]:
    """The namespaces of *live* that match and for which *declared* has no objects."""
    known = declared_namespaces(declared)
    for name in sorted(declared_namespaces(live) - known):
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            yield name


def _with_found(declared: Network, live: Network, found: frozenset[str]) -> Network:
    """*declared*, and what *live* has in the namespaces *found*."""
    if not found:
        return declared
    return replace(
        declared,
        namespaces=(*declared.namespaces, *(one for one in live.namespaces if one.name in found)),
        pods=(*declared.pods, *(one for one in live.pods if one.namespace in found)),
        policies=(*declared.policies, *(one for one in live.policies if one.namespace in found)),
        services=(*declared.services, *(one for one in live.services if one.namespace in found)),
        routes=(*declared.routes, *(one for one in live.routes if one.namespace in found)),
    )


def _texts(network: Network) -> Said:
    """The content of the objects that the engine reads, and the names of workloads; their pods' content shows in the reach."""
    found: Said = {one.title: (one.at, _words(one)) for one in network.policies}
    found |= {one.title: (one.at, _words(one)) for one in network.services}
    found |= {f"Namespace {one.name}": (one.at, _words(one.labels)) for one in network.namespaces if one.declared}
    for pods, title in zip(network.pods, roots(network), strict=True):
        found.setdefault(title, (pods.at, ""))
    return found


def _words(value: object) -> object:
    """*value* without its place and its order, because the order of labels, peers, ports and rules has no meaning."""
    if isinstance(value, tuple):
        return tuple(sorted((_words(one) for one in value), key=repr))
    if is_dataclass(value) and not isinstance(value, type):
        said = [(one.name, _words(getattr(value, one.name))) for one in fields(value) if one.name not in _PLACES]
        return (type(value).__name__, *said)
    return value


_PLACES = ("at", "field", "declared", "node_port")
"""Fields about the place or the form and not the content, and fields that the API server sets by itself."""


_ENDS, _ABOUT = ("namespaces", "pods", "policies", "services"), ("root", "files", "unread", "refused", "unchecked", "passages")
_COMPUTED = frozenset((*_ENDS, *_ABOUT, "others", "mesh"))
"""Fields of a network that are compared by their effect, or that are not objects. All others are a layer above."""


def layers(network: Network, apart: frozenset[str]) -> Said:
    """The settings of the mesh and the gateways in all namespaces except those *apart*, and the pods in the mesh."""
    parts: dict[str, list[tuple[Location, object]]] = {}
    for one in _above(network):
        if _namespace(one) not in apart:
            parts.setdefault(_title(one), []).append((getattr(one, "at"), _words(one)))  # noqa: B009  # each has its place
    inside = {id(one.pods): one.ambient for one in meshed(network)}
    for pods, title in zip(network.pods, roots(network), strict=True):
        if id(pods) in inside and pods.namespace not in apart:
            parts.setdefault(f"The place in the mesh of {title}", [(pods.at, inside[id(pods)])])
    return {title: (said[0][0], tuple(sorted((one for _, one in said), key=repr))) for title, said in parts.items()}


def _above(network: Network) -> Iterator[object]:
    for part in fields(network):
        if part.name not in _COMPUTED:
            yield from getattr(network, part.name)
    for part in fields(network.mesh):
        yield from getattr(network.mesh, part.name)


def _namespace(one: object) -> str:
    """The namespace of an object; for the mesh's settings, it is taken from the field ``about``."""
    return str(getattr(one, "namespace", "") or getattr(one, "about", "").partition(" ")[2].partition("/")[0])


def _title(one: object) -> str:
    kind = _KINDS.get(type(one), type(one).__name__.removesuffix("Seen"))
    own = getattr(one, "title", "") or getattr(one, "about", "")
    return str(own or f"{kind} {_namespace(one)}/{getattr(one, 'name', '')}")


_KINDS: dict[type, str] = {GrantSeen: "ReferenceGrant", BackendTlsSeen: "BackendTLSPolicy"}


def _objects(declared: Said, live: Said) -> Iterator[Difference]:
    for title in sorted({*declared, *live}):
        if title not in declared:
            yield Difference(way=Way.GAINED, title=title, at=live[title][0])
        elif title not in live:
            yield Difference(way=Way.LOST, title=title, at=declared[title][0])
        elif declared[title][1] != live[title][1]:
            yield Difference(way=None, title=title, at=live[title][0])


def _ways(declared: Network, live: Network) -> Iterator[Change]:
    """Ways past the policies that only one has: Services and routes that let clients in, and pods in their node's network."""
    was, now = _ways_of(declared), _ways_of(live)
    for way, only in ((Way.GAINED, now - was), (Way.LOST, was - now)):
        for source, target, ports in sorted(only):
            yield Change(way=way, source=source, target=target, ports=ports)


def _ways_of(network: Network) -> set[tuple[str, str, str]]:
    title = {id(pods): name for pods, name in zip(network.pods, roots(network), strict=True)}
    found = {
        (entry.how, title[id(pods)], f"{entry.protocol.value} {entry.port_of(pods) or entry.port_name}")
        for entry in entries(network)
        for pods in entry.pods
    }
    return found | {(title[id(one)], "the network of its node", "all ports") for one in network.pods if one.host_network}


def _reach(declared: Network, live: Network) -> Iterator[Change]:
    cuts = [*World(declared).terrain.ports.pieces, *World(live).terrain.ports.pieces]
    points = sorted({*_addresses(declared), *_addresses(live)})
    sides = [_Side(one, points, cuts) for one in (declared, live)]
    ends = sorted({*sides[0].ends, *sides[1].ends}, key=lambda one: (isinstance(one, AddressSpan | Domain), str(one)))
    declared_side, live_side = sides
    space = declared_side.world.terrain.ports
    both = np.array([declared_side.world.port_class_of, live_side.world.port_class_of])
    found: dict[tuple[Way, int, int], Flags] = {}
    said: dict[bytes, str] = {}
    for one, other in np.unique(both, axis=1).T.tolist():
        pieces = (both[0] == one) & (both[1] == other)
        was, now = declared_side.table(ends, one), live_side.table(ends, other)
        space_needed = int(np.count_nonzero(was != now))
        declared_side.world.effort.spend(space_needed * len(pieces), steps=20 * space_needed)
        declared_side.world.effort.hold(space_needed * (len(pieces) + 300))
        for way, changed in ((Way.GAINED, now & ~was), (Way.LOST, was & ~now)):
            for source, target in np.argwhere(changed).tolist():
                known = found.setdefault((way, source, target), np.zeros_like(pieces))
                known |= pieces
    for (way, source, target), ports in sorted(found.items(), key=lambda item: (item[0][0].value, *item[0][1:])):
        words = ports.tobytes()
        if words not in said:
            said[words] = space.said(ports)
        yield Change(way=way, source=str(ends[source]), target=str(ends[target]), ports=said[words])


def _addresses(network: Network) -> Iterator[str]:
    for policy in network.policies:
        for rule in (*policy.ingress, *policy.egress):
            for peer in rule.peers:
                if peer.block is not None:
                    yield from filter(None, (peer.block.cidr, *peer.block.excepts))


class _Side:
    """One network, with its pods grouped by workload."""

    def __init__(self, network: Network, points: Iterable[str], cuts: Iterable[Ports]) -> None:
        self.world = World(network, points, cuts)
        self.ends: dict[str | AddressSpan | Domain, list[int]] = {}
        alike: dict[str, set[int]] = {}
        for title, pod_class in zip(roots(network), self.world.class_of.tolist(), strict=True):
            alike.setdefault(title, set()).add(pod_class)
        self.ends.update((title, sorted(found)) for title, found in alike.items())
        classes = len(self.world.first_of_class)
        for number, span in enumerate(self.world.terrain.outside.ends):
            self.ends[span] = [classes + number]

    def table(self, ends: list[str | AddressSpan | Domain], port_class: int) -> Flags:
        """May an end of *ends* (row) reach another (column)? For a workload, any of its pods."""
        known = [(row, self.ends[end]) for row, end in enumerate(ends) if end in self.ends]
        rows = np.array([row for row, _ in known], dtype=np.intp)
        members = np.array([one for _, found in known for one in found], dtype=np.intp)
        starts = np.cumsum([0, *(len(found) for _, found in known)])[:-1]
        size = len(members) * self.world.ends + len(members) * len(known) + len(ends) ** 2
        self.world.effort.hold(size)
        self.world.effort.release(size)
        reached: Flags = np.zeros((len(ends), len(ends)), dtype=np.bool_)
        if len(members) == len(known):  # the pods of each workload are all alike, as they mostly are: nothing to group
            reached[np.ix_(rows, rows)] = self.world.pairs(port_class)[np.ix_(members, members)]
        elif known:
            sources = np.logical_or.reduceat(self.world.pairs(port_class)[members], starts, axis=0)
            reached[np.ix_(rows, rows)] = np.logical_or.reduceat(sources[:, members], starts, axis=1)
        return reached
