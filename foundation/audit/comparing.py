"""In what two lists of hashes differ: which entry was changed, removed, added or moved. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What happened to an entry."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference: the entry's place in the first list (``was``) and in the second (``now``), from 0."""

    kind: Kind
    was: int | None
    now: int | None


def differences(first: Sequence[bytes], second: Sequence[bytes]) -> tuple[Difference, ...]:
    """What was done to *first*, a list of hashes, to get *second*; as few entries as possible count as moved. ``O(n log
    n)``.
    """
    begin = 0
    shorter = min(len(first), len(second))
    while begin < shorter and first[begin] == second[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and first[-1 - end] == second[-1 - end]:
        end += 1
    return tuple(_between(first, second, begin, len(first) - end, len(second) - end))


def _between(first: Sequence[bytes], second: Sequence[bytes], begin: int, most: int, most_now: int) -> Iterator[Difference]:
    places: dict[bytes, deque[int]] = defaultdict(deque)
    for was in range(begin, most):
        places[first[was]].append(was)
    found: list[tuple[int, int]] = []
    new: list[int] = []
    for now in range(begin, most_now):
        known = places.get(second[now])
        if known:
            found.append((known.popleft(), now))
        else:
            new.append(now)
    stayed = _longest_rise([was for was, _ in found])
    pairs = [found[number] for number in stayed]
    kept = set(stayed)
    gone = sorted(was for left in places.values() for was in left)
    rest = [Difference(kind=Kind.MOVED, was=was, now=now) for number, (was, now) in enumerate(found) if number not in kept]
    rest += _in_gaps(gone, new, pairs)
    stayed_was = [was for was, _ in pairs]

    def place(one: Difference) -> float:
        """That of the second list; for an entry that is gone, after the last one before it that stayed."""
        if one.now is not None:
            return one.now
        number = bisect_left(stayed_was, one.was or 0)
        return pairs[number - 1][1] + 0.5 if number else begin - 0.5

    yield from sorted(rest, key=lambda one: (place(one), one.was or 0))


def _in_gaps(gone: list[int], new: list[int], pairs: list[tuple[int, int]]) -> Iterator[Difference]:
    """Between two entries that stayed, as many as are gone on the one side and new on the other were changed."""
    gaps: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    stayed_was, stayed_now = [was for was, _ in pairs], [now for _, now in pairs]
    for was in gone:
        gaps[bisect_left(stayed_was, was)][0].append(was)
    for now in new:
        gaps[bisect_left(stayed_now, now)][1].append(now)
    for lost, come in gaps.values():
        both = min(len(lost), len(come))
        for was, now in zip(lost, come, strict=False):
            yield Difference(kind=Kind.CHANGED, was=was, now=now)
        for was in lost[both:]:
            yield Difference(kind=Kind.REMOVED, was=was, now=None)
        for now in come[both:]:
            yield Difference(kind=Kind.ADDED, was=None, now=now)


def _longest_rise(values: Sequence[int]) -> list[int]:
    """The numbers of the entries of *values* that are its longest rising part (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, value in enumerate(values):
        place = bisect_left(tails, value)
        before.append(ends[place - 1] if place else -1)
        if place == len(tails):
            tails.append(value)
            ends.append(number)
        else:
            tails[place], ends[place] = value, number
    rise: list[int] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        rise.append(number)
        number = before[number]
    return rise[::-1]
