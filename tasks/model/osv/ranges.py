"""Does an advisory cover a version? OSV schema, "Evaluation", with a third answer: unknown.

Versions are compared by the rules of their ecosystem (`tasks.model.versions`). If these cannot read a version on either
side, and no other part of the advisory says *yes*, the answer is *unknown*, never *no*.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from arcops.seen.vulnerabilities import Certainty
from tasks.model.osv.advisory import Event, Range, RangeKind, Turn
from tasks.model.versions import Scheme, Unparsable, scheme
from tasks.model.versions.semver import SEMVER

Key = Any  # the sort key of a scheme: opaque here, comparable with keys of the same scheme

_MOST_FIXES = 64
"""How many fixed versions are reported, the lowest first; an advisory can name a hundred thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covers:
    """``standing`` is ``None`` if the version is not covered; ``reason`` is a clause that follows "the version"."""

    standing: Certainty | None
    reason: str = ""


_NO = Covers(standing=None)


@lru_cache(maxsize=16384)
def _key(order: Scheme, version: str) -> Key:
    """The key of *version*. One package has up to hundreds of advisories, and they name the same versions."""
    return order.key(version)


class Timeline:
    """One range as steps: from which version on it holds. Made once, so that a question takes a search, not a walk.

    Raises `Unparsable` if an event has a version that cannot be read.
    """

    __slots__ = ("fixes", "steps")

    def __init__(self, events: Iterable[Event], order: Scheme) -> None:
        turns: list[tuple[Key, Turn]] = []
        self.fixes: list[tuple[Key, str]] = []
        opening = False
        limits: list[Key] = []
        endless = False
        for event in events:
            if event.turn is Turn.LIMIT and "*" in event.version:
                endless = True
            elif event.turn is Turn.LIMIT:
                limits.append(_key(order, event.version))
            elif event.turn is Turn.INTRODUCED and event.version == "0":
                opening = True
            else:
                key = _key(order, event.version)
                turns.append((key, event.turn))
                if event.turn is Turn.FIXED:
                    self.fixes.append((key, event.version))
        self.steps = _steps(turns, opening, None if endless or not limits else max(limits))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The answer before the first of ``keys``, at each of them, and between each and the next. ``None`` is a contradiction."""

    keys: list[Key]
    before: bool | None
    at: list[bool | None]
    after: list[bool | None]

    def of(self, key: Key) -> bool | None:
        place = bisect_right(self.keys, key) - 1
        if place < 0:
            return self.before
        return self.at[place] if self.keys[place] == key else self.after[place]


def _steps(turns: list[tuple[Key, Turn]], opening: bool, limit: Key | None) -> _Steps:
    """OSV schema, "Evaluation": the last event at or below a version decides, and from *limit* on the range does not hold.

    The schema does not say if a fix or an introduction at the same version comes first. Both are tried; if they differ, `None`.
    """
    turns.sort(key=lambda turn: turn[0])
    found = _Steps(keys=[], before=opening, at=[], after=[])
    holds: bool | None = opening
    for key, group in groupby(turns, key=lambda turn: turn[0]):
        if limit is not None and not key < limit:
            break
        here = {turn for _, turn in group}
        if {Turn.INTRODUCED, Turn.FIXED} <= here:
            at: bool | None = None
        elif Turn.INTRODUCED in here or Turn.FIXED in here:
            at = Turn.INTRODUCED in here
        else:
            at = holds
        holds = False if Turn.LAST_AFFECTED in here else at
        found.keys.append(key)
        found.at.append(at)
        found.after.append(holds)
    if limit is not None:
        found.keys.append(limit)
        found.at.append(False)
        found.after.append(False)
    return found


def _union(parts: list[_Steps]) -> _Steps:
    """True if any of *parts* holds; `None` if no part holds and one is a contradiction."""
    if len(parts) == 1:
        return parts[0]
    counts = Counter(part.before for part in parts)
    now = [part.before for part in parts]
    found = _Steps(keys=[], before=_any(counts), at=[], after=[])
    marks = [(key, number, place) for number, part in enumerate(parts) for place, key in enumerate(part.keys)]
    marks.sort(key=lambda mark: mark[0])
    for key, group in groupby(marks, key=lambda mark: mark[0]):
        here = list(group)
        for _, number, place in here:
            counts[now[number]] -= 1
            now[number] = parts[number].at[place]
            counts[now[number]] += 1
        found.keys.append(key)
        found.at.append(_any(counts))
        for _, number, place in here:
            counts[now[number]] -= 1
            now[number] = parts[number].after[place]
            counts[now[number]] += 1
        found.after.append(_any(counts))
    return found


def _any(counts: Counter[bool | None]) -> bool | None:
    return True if counts[True] else None if counts[None] else False


class Coverage:
    """What one advisory says about one package, prepared for questions about many versions.

    ``enumerated`` says that the advisory lists versions at all: *versions* may hold only those that *ranges* do not cover.
    """

    __slots__ = ("_fixes", "_keys", "_order", "_orders", "_strange", "_versions", "ecosystem")

    def __init__(self, *, ecosystem: str, ranges: Iterable[Range], versions: Iterable[str], enumerated: bool) -> None:
        self.ecosystem = ecosystem
        self._order = scheme(ecosystem)
        self._versions = frozenset(versions)
        self._keys: list[Key] | None = None
        timelines: dict[str, tuple[Scheme, list[Timeline]]] = {}
        self._strange: list[str] = []
        commits = False
        for entry in ranges:
            if entry.kind is RangeKind.GIT:
                commits = True
                continue
            order = self._order or SEMVER if entry.kind is RangeKind.SEMVER else self._order
            if order is None:
                self._strange.append(f"is from the ecosystem {ecosystem}, whose version order ArcOps does not know")
                continue
            try:
                timelines.setdefault(order.name, (order, []))[1].append(Timeline(entry.events, order))
            except Unparsable as error:
                self._strange.append(f"cannot be compared with a range that cannot be read ({error})")
        self._orders = [(order, _union([one.steps for one in made])) for order, made in timelines.values() if made]
        self._fixes = [
            (order, sorted({fix[1]: fix for one in made for fix in one.fixes}.values(), key=lambda fix: fix[0]))
            for order, made in timelines.values()
        ]
        if not (enumerated or self._orders or self._strange):
            self._strange.append(
                "cannot be compared: the advisory names only Git commits"
                if commits
                else "cannot be compared: the advisory names no versions"
            )

    def of(self, version: str) -> Covers:
        """Is *version* covered?"""
        if version in self._versions:
            return Covers(standing=Certainty.YES, reason="is listed as affected")
        public = self._public(version)
        strange = list(self._strange)
        for order, steps in self._orders:
            try:
                covered = steps.of(_key(order, public))
            except Unparsable as error:
                strange.append(f"cannot be read ({error})")
                continue
            if covered:
                return Covers(standing=Certainty.YES, reason="is in an affected range")
            if covered is None:
                strange.append("is in a range that is introduced and fixed at the same version")
        if self._versions:
            try:
                if self._listed(public):
                    return Covers(standing=Certainty.YES, reason="equals a version that is listed as affected")
            except Unparsable as error:
                strange.append(f"cannot be read ({error})")
        return Covers(standing=Certainty.UNKNOWN, reason=strange[0]) if strange else _NO

    def fixes(self, version: str) -> tuple[str, ...]:
        """The versions above *version* that the advisory names as fixed, lowest first."""
        found: list[tuple[Key, str]] = []
        for order, fixes in self._fixes:
            try:
                first = bisect_right(fixes, _key(order, self._public(version)), key=lambda fix: fix[0])
            except Unparsable:
                first = 0
            found += fixes[first : first + _MOST_FIXES]
        unique = {text: key for key, text in found}
        try:
            return tuple(sorted(unique, key=lambda text: unique[text])[:_MOST_FIXES])
        except TypeError:  # ranges of two orders cannot be sorted together
            return tuple(sorted(unique)[:_MOST_FIXES])

    def _public(self, version: str) -> str:
        # A local build of 2.0.1 (PEP 440's "2.0.1+cu118") holds the code of 2.0.1, whatever the sort order.
        return version.partition("+")[0] if self.ecosystem == "PyPI" else version

    def _listed(self, version: str) -> bool:
        """Does *version* equal a listed one with another spelling? A listed version that cannot be read has one spelling."""
        order = self._order
        if order is None:
            raise Unparsable(f"ArcOps does not know the version order of {self.ecosystem}")
        if self._keys is None:
            self._keys = []
            for text in self._versions:
                try:
                    self._keys.append(_key(order, text))
                except Unparsable:
                    continue
            self._keys.sort()
        key = _key(order, version)
        place = bisect_left(self._keys, key)
        return place < len(self._keys) and bool(self._keys[place] == key)


def beyond_ranges(ecosystem: str, ranges: tuple[Range, ...], versions: Iterable[str]) -> tuple[str, ...]:
    """Those of *versions* that *ranges* do not already cover: only these need to be kept from an enumeration."""
    by_range = Coverage(ecosystem=ecosystem, ranges=ranges, versions=(), enumerated=True)
    return tuple(sorted({version for version in versions if by_range.of(version).standing is not Certainty.YES}))
