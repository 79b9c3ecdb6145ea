"""Two networks compared, the declared one and the one that a cluster holds: not by their text, but by who may talk to whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

import numpy as np

from arcops.finding import Location
from arcops.seen.network import Network, PodSet
from arcops.verdict import Verdict
from reach.addresses import Span
from reach.ports import Ports
from reach.selectors import Flags
from reach.world import World


class Way(Enum):
    """What the cluster lets through that was not declared, and what was declared and it does not."""

    GAINED = "gained"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A connection that only one of the two allows. Ends are workloads or ranges of addresses outside."""

    way: Way
    source: str
    target: str
    ports: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An object that only one of the two has (``way``), or that says something else in the other (`None`)."""

    way: Way | None
    title: str
    at: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """``objects`` differ by what they say, wherever and in whatever order they are written; ``reach`` is what that changes."""

    objects: tuple[Difference, ...]
    reach: tuple[Change, ...]

    def verdict(self, *, certain: bool) -> Verdict:
        """RED where more may talk than was declared, or nobody can be sure; AMBER where less may; else GREEN."""
        ways = {one.way for one in self.reach}
        if not certain or Way.GAINED in ways:
            return Verdict.RED
        return Verdict.AMBER if ways else Verdict.GREEN


def compare(declared: Network, live: Network) -> Drift:
    """What *live* has, and lets through, that *declared* does not, and the other way about."""
    objects = [*_objects(_policies(declared), _policies(live)), *_objects(_workloads(declared), _workloads(live))]
    return Drift(objects=tuple(objects), reach=tuple(_reach(declared, live)))


def root(pods: PodSet, network: Network) -> str:
    """The workload that *pods* come from in the end: Pods and ReplicaSets are made by what their owners name."""
    by_name = {f"{one.kind}/{one.namespace}/{one.name}": one for one in network.pods}
    found, seen = pods, 0
    while found.owner and seen < 5:
        kind, _, name = found.owner.partition("/")
        above = by_name.get(f"{kind}/{pods.namespace}/{name}")
        if above is None:
            return f"{_without_hash(found, kind, name)}"
        found, seen = above, seen + 1
    return found.title


def _without_hash(pods: PodSet, kind: str, name: str) -> str:
    """The owner that is not among the objects; a ReplicaSet named by a template's hash is its Deployment's."""
    hashed = next((label.value for label in pods.labels if label.key == "pod-template-hash"), "")
    if kind == "ReplicaSet" and hashed and name.endswith(f"-{hashed}"):
        return f"Deployment {pods.namespace}/{name.removesuffix(f'-{hashed}')}"
    if kind == "Job" and re.fullmatch(r".+-[0-9]{8}", name):
        return f"CronJob {pods.namespace}/{name.rpartition('-')[0]}"
    return f"{kind} {pods.namespace}/{name}"


def _policies(network: Network) -> dict[str, tuple[Location, object]]:
    return {one.title: (one.at, _words(one)) for one in network.policies}


def _workloads(network: Network) -> dict[str, tuple[Location, object]]:
    """Each workload, for being there; what its pods are like shows in what they reach."""
    found: dict[str, tuple[Location, object]] = {}
    for one in network.pods:
        found.setdefault(root(one, network), (one.at, ""))
    return found


def _words(value: object) -> object:
    """*value* without where it is written, and without how: the order of labels, peers, ports and rules means nothing."""
    if isinstance(value, tuple):
        return tuple(sorted((_words(one) for one in value), key=repr))
    if is_dataclass(value) and not isinstance(value, type):
        said = [(one.name, _words(getattr(value, one.name))) for one in fields(value) if one.name not in _PLACES]
        return (type(value).__name__, *said)
    return value


_PLACES = ("at", "field", "declared")
"""Fields that say where or how something is written, not what."""


def _objects(declared: dict[str, tuple[Location, object]], live: dict[str, tuple[Location, object]]) -> Iterator[Difference]:
    for title in sorted({*declared, *live}):
        if title not in declared:
            yield Difference(way=Way.GAINED, title=title, at=live[title][0])
        elif title not in live:
            yield Difference(way=Way.LOST, title=title, at=declared[title][0])
        elif declared[title][1] != live[title][1]:
            yield Difference(way=None, title=title, at=live[title][0])


def _reach(declared: Network, live: Network) -> Iterator[Change]:
    cuts = [*World(declared).terrain.ports.pieces, *World(live).terrain.ports.pieces]
    points = sorted({*_addresses(declared), *_addresses(live)})
    sides = [_Side(one, points, cuts) for one in (declared, live)]
    ends = sorted({*sides[0].ends, *sides[1].ends}, key=lambda one: (isinstance(one, Span), str(one)))
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
    """One network, with its pods gathered into the workloads that they come from."""

    def __init__(self, network: Network, points: Iterable[str], cuts: Iterable[Ports]) -> None:
        self.world = World(network, points, cuts)
        self.ends: dict[str | Span, list[int]] = {}
        for position, pods in enumerate(network.pods):
            self.ends.setdefault(root(pods, network), []).append(int(self.world.class_of[position]))
        classes = len(self.world.first_of_class)
        for number, span in enumerate(self.world.terrain.outside.spans):
            self.ends[span] = [classes + number]

    def table(self, ends: list[str | Span], port_class: int) -> Flags:
        """May an end of *ends* (row) reach another (column)? For a workload, any of its pods."""
        known = [(row, self.ends[end]) for row, end in enumerate(ends) if end in self.ends]
        rows = np.array([row for row, _ in known], dtype=np.intp)
        members = np.array([one for _, found in known for one in found], dtype=np.intp)
        starts = np.cumsum([0, *(len(found) for _, found in known)])[:-1]
        size = len(members) * self.world.ends + len(members) * len(known) + len(ends) ** 2
        self.world.effort.hold(size)
        self.world.effort.release(size)
        reached: Flags = np.zeros((len(ends), len(ends)), dtype=np.bool_)
        if known:
            sources = np.logical_or.reduceat(self.world.pairs(port_class)[members], starts, axis=0)
            reached[np.ix_(rows, rows)] = np.logical_or.reduceat(sources[:, members], starts, axis=1)
        return reached
