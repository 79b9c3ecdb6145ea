"""The rows of a comparison: the pods of one owner with the same labels, and what they are compared with on the other side.

A controller may make unlike pods (the head and the workers of a Ray cluster), and a node runs static pods of every kind. As one
row, what one of them may do would hide what another one gained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from arcops.seen.network import Network, PodSet
from reach.addresses import AddressSpan, Domain
from reach.arrays import np
from reach.doubts import LATER_LABELS
from reach.future import KIND
from reach.ports import Ports
from reach.roots import roots
from reach.selectors import Flags
from reach.world import World

_STAYING = frozenset(
    ("statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index")
)
"""Labels that controllers add and that tell the pods of one workload apart for good; the values of the others are chance."""
_CHANCE = LATER_LABELS - _STAYING
_MOST_SHOWN = 3

Words = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Pods of one owner with the same *labels*. ``future``: no pod of the network, but one that could be created."""

    owner: str
    space: str
    labels: Words
    future: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the comparison: kinds of pods by their positions on their own side, which nothing tells apart, and the kinds
    or the end outside on the other side that they are compared with; empty: the other side has nothing like it.
    """

    title: str
    own: int
    others: tuple[int, ...]
    space: str = ""
    future: bool = False
    labelled: bool = False


class Side:
    """One network, with its pods as kinds."""

    def __init__(self, network: Network, points: Iterable[str], cuts: Iterable[Ports]) -> None:
        self.world = World(network, points, cuts)
        found: dict[Kind, set[int]] = {}
        for (kind, _), pod_class in zip(kinds_of(network), self.world.class_of.tolist(), strict=True):
            found.setdefault(kind, set()).add(pod_class)
        self.kinds = tuple(found)
        self.classes = tuple(tuple(sorted(one)) for one in found.values())
        self.outside: tuple[AddressSpan | Domain, ...] = self.world.terrain.outside.ends
        self.of_owner: dict[str, list[Kind]] = {}
        for one in self.kinds:
            self.of_owner.setdefault(one.owner, []).append(one)
        self._position = {one: number for number, one in enumerate(self.kinds)}

    def like(self, kind: Kind) -> tuple[int, ...]:
        """The positions of the kinds here that *kind* of the other side is compared with."""
        return tuple(self._position[one] for one in like(kind, self.of_owner.get(kind.owner, ())))

    def table(self, port_class: int) -> Flags:
        """May a kind, or an end outside (row), reach another (column)? The last row and column mean nothing, so never."""
        size = len(self.kinds) + len(self.outside)
        first = len(self.world.first_of_class)
        members = [one for found in self.classes for one in found] + list(range(first, first + len(self.outside)))
        starts = np.cumsum([0, *map(len, self.classes), *[1] * len(self.outside)])[:-1]
        cost = len(members) * (self.world.ends + size) + (size + 1) ** 2
        self.world.effort.hold(cost)
        self.world.effort.release(cost)
        found: Flags = np.zeros((size + 1, size + 1), dtype=np.bool_)
        if len(members) == size:  # the pods of each kind are all alike, as they mostly are: nothing to group
            found[:size, :size] = self.world.pairs(port_class)[np.ix_(members, members)]
        elif size:
            sources = np.logical_or.reduceat(self.world.pairs(port_class)[members], starts, axis=0)
            found[:size, :size] = np.logical_or.reduceat(sources[:, members], starts, axis=1)
        return found


def kinds_of(network: Network) -> Iterator[tuple[Kind, PodSet]]:
    """The kind of each of the network's pods."""
    for title, pods in zip(roots(network), network.pods, strict=True):
        yield kind_of(title, pods), pods


def like(kind: Kind, others: Iterable[Kind]) -> tuple[Kind, ...]:
    """Those of *others* that *kind* of the other side is compared with: those of its owner with the same labels; else with
    most of its labels (a webhook adds some, a template lacks some); else all of its owner.
    """
    mine = [one for one in others if one.owner == kind.owner]
    same = [one for one in mine if one.labels == kind.labels]
    if same or len(mine) < 2:
        return tuple(same or mine)
    related = [one for one in mine if one.labels <= kind.labels or one.labels >= kind.labels]
    most = max((len(one.labels & kind.labels) for one in related), default=0)
    return tuple(one for one in related if len(one.labels & kind.labels) == most) or tuple(mine)


def rows(side: Side, other: Side) -> list[Row]:
    """The rows of *side*, each with what it is compared with in *other*: kinds that nothing tells apart are one row."""
    together: dict[tuple[str, tuple[int, ...], tuple[tuple[int, ...], ...]], list[int]] = {}
    for number, kind in enumerate(side.kinds):
        behind = tuple(other.classes[one] for one in other.like(kind))
        together.setdefault((kind.owner, side.classes[number], behind), []).append(number)
    common: dict[str, Words] = {}
    for kind in (*side.kinds, *other.kinds):
        common[kind.owner] = common[kind.owner] & kind.labels if kind.owner in common else kind.labels
    many: dict[str, int] = {}
    for owner, _, _ in together:
        many[owner] = many.get(owner, 0) + 1
    found = []
    for (owner, _, _), numbers in together.items():
        first = side.kinds[numbers[0]]
        own = frozenset.intersection(*(side.kinds[one].labels for one in numbers)) - common[owner]
        alone = many[owner] == 1 and len(other.of_owner.get(owner, ())) < 2
        title = owner if alone or not own else f"{owner} ({_said(own)})"
        found.append(
            Row(
                title=title,
                own=numbers[0],
                others=other.like(first),
                space=first.space,
                future=first.future,
                labelled=bool(first.labels),
            )
        )
    there = {end: len(other.kinds) + number for number, end in enumerate(other.outside)}
    for number, end in enumerate(side.outside):
        behind_end = (there[end],) if end in there else ()
        found.append(Row(title=str(end), own=len(side.kinds) + number, others=behind_end))
    return found


def all_of(table: Flags, chosen: list[tuple[int, ...]]) -> Flags:
    """For each pair of *chosen*: does *table* allow all pairs of their members? Nothing allows nothing."""
    nothing = len(table) - 1
    members = [one for found in chosen for one in found or (nothing,)]
    if len(members) == len(chosen):
        return table[np.ix_(members, members)]
    starts = np.cumsum([0, *(max(len(found), 1) for found in chosen)])[:-1]
    sources = np.logical_and.reduceat(table[members], starts, axis=0)
    result: Flags = np.logical_and.reduceat(sources[:, members], starts, axis=1)
    return result


def kind_of(title: str, pods: PodSet) -> Kind:
    """The kind of *pods*, whose owner has this title."""
    words = frozenset((one.key, one.value) for one in pods.labels if one.key not in _CHANCE)
    future = pods.kind == KIND
    return Kind(owner=pods.name if future else title, space=pods.namespace, labels=words, future=future)


def _said(words: Words) -> str:
    shown = [f"{key}={value}" for key, value in sorted(words)]
    more = f" and {len(shown) - _MOST_SHOWN} more labels" if len(shown) > _MOST_SHOWN else ""
    return ", ".join(shown[:_MOST_SHOWN]) + more
