"""A network grouped so that it fits on one picture: groups of workloads that nothing distinguishes, and allowed calls.

Grouping goes only as far as needed. First every workload is alone; then workloads of one namespace that may do the same are one
group; then those of all namespaces; then whole namespaces, whose pods count together; at last the first namespaces, and all
others as one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum

from arcops.seen.network import Network
from reach.addresses import AddressSpan, Domain
from reach.arrays import np
from reach.roots import roots
from reach.selectors import Flags
from reach.ways import ServedPods, served
from reach.world import World

MOST_GROUPS = 60
MOST_LINKS = 300


class Gathered(Enum):
    """What one group means."""

    WORKLOAD = "one workload"
    ALIKE = "workloads of one namespace that may do the same"
    ALIKE_ANYWHERE = "workloads that may do the same"
    NAMESPACE = "a namespace; a line means that some pod of it may"
    REST = "a namespace, the last one all others; a line means that some pod of it may"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadGroup:
    """Ends that are drawn as one. ``namespace`` is empty for addresses outside and for groups of several namespaces.

    ``members`` are titles of workloads, or ranges of addresses, in order.
    """

    title: str
    namespace: str
    outside: bool
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """``source`` may open connections to ``target`` (positions of groups) on ``ports``."""

    source: int
    target: int
    ports: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Groups in the order of namespaces, with addresses outside last; links in the order of groups.

    ``served`` are the Services below the groups, and the ways in.
    """

    gathered: Gathered
    workloads: int
    groups: tuple[WorkloadGroup, ...]
    links: tuple[Link, ...]
    served: ServedPods


def picture(network: Network) -> Picture:
    """The picture of *network*, grouped only as much as needed to keep it readable."""
    world = World(network)
    world.effort.hold(world.ends**2 * len(world.port_classes))
    tables = [world.pairs(one) for one in world.port_classes]
    workloads: dict[str, list[int]] = {}
    for position, title in enumerate(roots(network)):
        workloads.setdefault(title, []).append(position)
    classes = {title: tuple(sorted({int(world.class_of[one]) for one in found})) for title, found in workloads.items()}
    where = {title: network.pods[found[0]].namespace for title, found in workloads.items()}
    keys: dict[Gathered, Callable[[str], Hashable]] = {
        Gathered.WORKLOAD: lambda title: title,
        Gathered.ALIKE: lambda title: (where[title], classes[title]),
        Gathered.ALIKE_ANYWHERE: lambda title: classes[title],
        Gathered.NAMESPACE: lambda title: where[title],
        Gathered.REST: lambda title: where[title],
    }
    outside = _outside(world, tables)
    for gathered, most, most_outside in _LEVELS:
        inside: dict[Hashable, list[str]] = {}
        for title in sorted(workloads, key=lambda one: (where[one], one)):
            inside.setdefault(keys[gathered](title), []).append(title)
        if len(inside) > most and gathered is not Gathered.REST:
            continue
        rest = [one for titles in list(inside.values())[most:] for one in titles]
        whole = gathered in (Gathered.NAMESPACE, Gathered.REST)
        known = [_named(titles, where, whole=whole) for titles in list(inside.values())[:most]]
        known.sort(key=lambda one: (one.namespace, one.title))
        known += [_named(rest, where, whole=True)] if rest else []
        groups = [(one, sorted({c for title in one.members for c in classes[title]})) for one in known]
        groups += _fewer(outside, most_outside)
        links = _links(world, tables, groups)
        if len(links) <= MOST_LINKS:
            break
    drawn = tuple(group for group, _ in groups)
    numbers = {title: number for number, group in enumerate(drawn) if not group.outside for title in group.members}
    return Picture(
        gathered=gathered,
        workloads=len(workloads),
        groups=drawn,
        links=links,
        served=served(network, numbers, len(drawn)),
    )


_LEVELS = (
    (Gathered.WORKLOAD, MOST_GROUPS, 20),
    (Gathered.ALIKE, MOST_GROUPS, 20),
    (Gathered.ALIKE_ANYWHERE, MOST_GROUPS, 20),
    (Gathered.NAMESPACE, MOST_GROUPS, 20),
    (Gathered.REST, 30, 12),
    (Gathered.REST, 8, 8),
)
"""Levels of grouping: at most this many groups of workloads, and of addresses. At the last level `MOST_LINKS` links fit."""


def _named(titles: list[str], where: dict[str, str], *, whole: bool) -> WorkloadGroup:
    spaces = sorted({where[one] for one in titles})
    namespace = spaces[0] if len(spaces) == 1 else ""
    if whole:
        title = f"{len(titles)} workload{'s' if len(titles) > 1 else ''}"
        title += "" if namespace else f" of {len(spaces)} namespaces"
    else:
        first = _short(titles[0]) if namespace else titles[0]
        more = f" and {len(titles) - 1} alike" if len(titles) > 1 else ""
        title = f"{first}{more}" + ("" if namespace else f" in {len(spaces)} namespaces")
    return WorkloadGroup(title=title, namespace=namespace, outside=False, members=tuple(titles))


def _short(title: str) -> str:
    """``Deployment shop/web`` by its name within its namespace."""
    kind, _, name = title.partition(" ")
    return f"{name.rpartition('/')[2]} ({kind})"


def _outside(world: World, tables: list[Flags]) -> list[tuple[WorkloadGroup, list[int]]]:
    """Ranges of addresses and host names, joined if no pod distinguishes them, the most addresses last."""
    pods = len(world.first_of_class)
    alike: dict[tuple[bool, bytes], list[int]] = {}
    count = len(world.terrain.outside.ends)
    world.effort.spend(2 * count * world.ends * len(tables), steps=5 * count * len(tables))
    for number, one in enumerate(world.terrain.outside.ends):
        end = pods + number
        profile = b"".join(np.packbits(np.concatenate([table[end], table[:, end]])).tobytes() for table in tables)
        alike.setdefault((isinstance(one, Domain), profile), []).append(end)
    found = []
    ranges = sum(not by_name for by_name, _ in alike)
    for (by_name, _), ends in alike.items():
        spans = [world.terrain.outside.ends[one - pods] for one in ends]
        found.append((_of_addresses(spans, all_of_them=ranges == 1 and not by_name), ends))
    return sorted(found, key=lambda one: (one[0].title.startswith("any"), one[0].title))


def _fewer(found: list[tuple[WorkloadGroup, list[int]]], most: int) -> list[tuple[WorkloadGroup, list[int]]]:
    """*found*; if there are more than *most*, the middle is one group, whose lines mean that some of its addresses may."""
    if len(found) <= most:
        return found
    middle = found[most - 2 : -1]
    members = tuple(one for group, _ in middle for one in group.members)
    title = f"{len(members)} more, of which some may"
    gathered = WorkloadGroup(title=title, namespace="", outside=True, members=members)
    return [*found[: most - 2], (gathered, sorted(end for _, ends in middle for end in ends)), found[-1]]


def _of_addresses(spans: list[AddressSpan | Domain], *, all_of_them: bool) -> WorkloadGroup:
    widest = max(one.last - one.first + 1 if isinstance(one, AddressSpan) and one.version == 4 else 0 for one in spans)
    if all_of_them:
        title = "any address"
    elif widest > 1 << 24:
        title = "any other address"
    else:
        title = f"{spans[0]}" + (f" and {len(spans) - 1} more" if len(spans) > 1 else "")
    return WorkloadGroup(title=title, namespace="", outside=True, members=tuple(str(one) for one in spans))


def _links(world: World, tables: list[Flags], groups: list[tuple[WorkloadGroup, list[int]]]) -> tuple[Link, ...]:
    members = np.zeros((len(groups), world.ends), dtype=np.float32)
    for row, (_, ends) in enumerate(groups):
        members[row, ends] = 1
    opened: dict[tuple[int, int], list[int]] = {}
    # A matrix product does some ten steps in a nanosecond.
    world.effort.spend(len(tables) * (world.ends**2 * (len(groups) // 10 + 5)), steps=10 * len(tables) * len(groups))
    for port_class, table in enumerate(tables):
        for source, target in np.argwhere((members @ table.astype(np.float32) @ members.T) > 0).tolist():
            opened.setdefault((source, target), []).append(port_class)
    return tuple(
        Link(source=source, target=target, ports=_ports(world, classes)) for (source, target), classes in sorted(opened.items())
    )


def _ports(world: World, classes: Iterable[int]) -> str:
    return (
        world.terrain.ports.said(world.pieces_of(classes))
        .replace(",TCP", ", TCP")
        .replace(",UDP", ", UDP")
        .replace(",SCTP", ", SCTP")
    )
