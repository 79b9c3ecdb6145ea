"""Compares two networks, the declared one and the one in a cluster: not by their text, but by allowed connections."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from arcops.finding import Location
from arcops.seen.mesh import MeshSeen, TokensSeen, VirtualServiceSeen
from arcops.seen.network import BackendTlsSeen, GrantSeen, Network
from arcops.verdict import Verdict
from reach.changes import Change, Way, words_of
from reach.drift_layers import layer_changes
from reach.drift_reach import reach_changes
from reach.entries import entries
from reach.meshed import meshed
from reach.roots import roots

__all__ = ["Change", "Difference", "Drift", "Way", "compare", "declared_namespaces", "layers", "taken_as_found"]

Said = dict[str, tuple[Location, object]]
"""By the title of an object: its place, and its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An object that only one of the two has (``way``), or that has other content in the other (`None`)."""

    way: Way | None
    title: str
    at: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """``objects`` differ in content, not only in place or order; ``reach`` are the connections that this changes.

    ``layers`` are differences above the policies, in the mesh or at gateways, whose effect is not computed; that of the others
    is among ``reach``.
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
    changes = [*reach_changes(whole, live), *_ways(whole, live), *layer_changes(whole, live)]
    above = tuple(_objects(layers(whole), layers(live)))
    unclear = _unclear(whole) | _unclear(live)
    return Drift(
        objects=(*_objects(_texts(whole), _texts(live)), *(one for one in above if one.title not in unclear)),
        reach=tuple(sorted(changes, key=lambda one: one.way.value)),
        layers=tuple(one for one in above if one.title in unclear),
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
    parts: dict[str, Any] = {
        name: (*getattr(declared, name), *(one for one in getattr(live, name) if _namespace(one) in found))
        for name in ("pods", "policies", "services", *(one.name for one in fields(Network) if one.name not in _COMPUTED))
    }
    mesh: dict[str, Any] = {
        part.name: (
            *getattr(declared.mesh, part.name),
            *(one for one in getattr(live.mesh, part.name) if _namespace(one) in found),
        )
        for part in fields(MeshSeen)
    }
    namespaces = (*declared.namespaces, *(one for one in live.namespaces if one.name in found))
    return replace(declared, namespaces=namespaces, mesh=MeshSeen(**mesh), **parts)


def _unclear(network: Network) -> set[str]:
    """The objects above the policies whose effect is not computed."""
    return {_title(one) for one in _above(network) if isinstance(one, VirtualServiceSeen) and one.unclear}


def _texts(network: Network) -> Said:
    """The content of the objects that the engine reads, and the names of workloads; their pods' content shows in the reach."""
    found: Said = {one.title: (one.at, words_of(one)) for one in network.policies}
    found |= {one.title: (one.at, words_of(one)) for one in network.services}
    found |= {f"Namespace {one.name}": (one.at, words_of(one.labels)) for one in network.namespaces if one.declared}
    for pods, title in zip(network.pods, roots(network), strict=True):
        found.setdefault(title, (pods.at, ""))
    return found


_ENDS = ("namespaces", "pods", "policies", "services")
_ABOUT = ("root", "files", "unread", "refused", "unchecked", "passages", "cluster")
_COMPUTED = frozenset((*_ENDS, *_ABOUT, "others", "mesh"))
"""Fields of a network that are compared by their effect, or that are not objects. All others are a layer above."""


def layers(network: Network) -> Said:
    """The settings of the mesh and the gateways, and the pods in the mesh."""
    parts: dict[str, list[tuple[Location, object]]] = {}
    for one in _above(network):
        parts.setdefault(_title(one), []).append((getattr(one, "at"), words_of(one)))  # noqa: B009  # each has its place
    inside = {id(one.pods): one.ambient for one in meshed(network)}
    for pods, title in zip(network.pods, roots(network), strict=True):
        if id(pods) in inside:
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


_KINDS: dict[type, str] = {
    GrantSeen: "ReferenceGrant",
    BackendTlsSeen: "BackendTLSPolicy",
    TokensSeen: "RequestAuthentication",
}


def _objects(declared: Said, live: Said) -> Iterator[Difference]:
    for title in sorted({*declared, *live}):
        if title not in declared:
            yield Difference(way=Way.GAINED, title=title, at=live[title][0])
        elif title not in live:
            yield Difference(way=Way.LOST, title=title, at=declared[title][0])
        elif declared[title][1] != live[title][1]:
            yield Difference(way=None, title=title, at=live[title][0])


def _ways(declared: Network, live: Network) -> Iterator[Change]:
    """Ways past the policies that only one has: Services and routes that let clients in, and pods in their node's network, or
    in others.
    """
    was, now = _ways_of(declared), _ways_of(live)
    for way, only in ((Way.GAINED, now - was), (Way.LOST, was - now)):
        for source, target, ports in sorted(only):
            yield Change(way=way, source=source, target=target, ports=ports)


def _ways_of(network: Network) -> set[tuple[str, str, str]]:
    title = {id(pods): name for pods, name in zip(network.pods, roots(network), strict=True)}
    ways = list(entries(network))
    found = {
        (entry.how, title[id(pods)], f"{entry.protocol.value} {entry.port_of(pods) or entry.port_name}")
        for entry in ways
        for pods in entry.pods
    }
    found |= {
        (entry.how, entry.where, f"{entry.protocol.value} {entry.port or entry.port_name}") for entry in ways if not entry.pods
    }
    found |= {(title[id(one)], "the network of its node", "all ports") for one in network.pods if one.host_network}
    return found | {(title[id(one)], f"other networks ({name})", "all ports") for one in network.pods for name in one.attached}
