"""Does an advisory cover a version? OSV schema, "Evaluation", with a third answer: unknown.

Versions are compared by the rules of their ecosystem (`tasks.model.versions`). If these cannot read a version on either
side, and no other part of the advisory says *yes*, the answer is *unknown*, never *no*.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from arcops.late_dataclass import dataclass
from arcops.seen.vulnerabilities import Certainty
from tasks.model.osv.advisory import Range, RangeKind, Turn
from tasks.model.versions import Scheme, Unparsable, scheme
from tasks.model.versions.semver import SEMVER

Key = Any  # the sort key of a scheme: opaque here, comparable with keys of the same scheme
Event = tuple[str, str]
"""What happens (one of OSV's ``introduced``, ``fixed``…), and at which version: plain text, as the database holds it."""

_first, _second = itemgetter(0), itemgetter(1)
_INTRODUCED, _FIXED, _LAST_AFFECTED, _LIMIT = (
    turn.value for turn in (Turn.INTRODUCED, Turn.FIXED, Turn.LAST_AFFECTED, Turn.LIMIT)
)
_TURNS = frozenset({_INTRODUCED, _FIXED, _LAST_AFFECTED})
_GIT = RangeKind.GIT.value
_NONE: frozenset[str] = frozenset()

_MOST_FIXES = 64
"""How many fixed versions are reported, the lowest first; an advisory can name a hundred thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covers:
    """``standing`` is ``None`` if the version is not covered; ``reason`` is a clause that follows "the version"."""

    standing: Certainty | None
    reason: str = ""


_NO = Covers(standing=None)
_IN_RANGE = Covers(standing=Certainty.YES, reason="is in an affected range")


@lru_cache(maxsize=16384)
def _key(order: Scheme, version: str) -> Key:
    """The key of *version*. One package has up to hundreds of advisories, and they name the same versions."""
    return order.key(version)


def _timeline(events: Iterable[Event], order: Scheme) -> tuple[_Steps, list[tuple[Key, str]]]:
    """One range as steps, made once, so that a question takes a search, not a walk; and its fixed versions with their keys.

    Raises `Unparsable` if an event has a version that cannot be read.
    """
    turns: list[tuple[Key, str]] = []
    fixes: list[tuple[Key, str]] = []
    opening = False
    limits: list[Key] = []
    endless = False
    for turn, version in events:
        if turn == _INTRODUCED and version == "0":
            opening = True
        elif turn == _LIMIT:
            if "*" in version:
                endless = True
            else:
                limits.append(_key(order, version))
        elif turn in _TURNS:
            key = _key(order, version)
            turns.append((key, turn))
            if turn == _FIXED:
                fixes.append((key, version))
        else:
            raise ValueError(f"an event of a range is {turn!r}, which the schema does not know")
    return _steps(turns, opening, None if endless or not limits else max(limits)), fixes


class _Steps:
    """The answer before the first of ``keys``, at each of them, and between each and the next. ``None`` is a contradiction."""

    __slots__ = ("after", "at", "before", "keys")

    def __init__(self, before: bool | None) -> None:
        self.keys: list[Key] = []
        self.before = before
        self.at: list[bool | None] = []
        self.after: list[bool | None] = []

    def of(self, key: Key) -> bool | None:
        place = bisect_right(self.keys, key) - 1
        if place < 0:
            return self.before
        return self.at[place] if self.keys[place] == key else self.after[place]


def _steps(turns: list[tuple[Key, str]], opening: bool, limit: Key | None) -> _Steps:
    """OSV schema, "Evaluation": the last event at or below a version decides, and from *limit* on the range does not hold.

    The schema does not say if a fix or an introduction at the same version comes first. Both are tried; if they differ, `None`.
    """
    if len(turns) > 1:
        turns.sort(key=_first)
    found = _Steps(opening)
    holds: bool | None = opening
    place, count = 0, len(turns)
    while place < count:
        key, turn = turns[place]
        place += 1
        if limit is not None and not key < limit:
            break
        here = {turn}
        while place < count and turns[place][0] == key:
            here.add(turns[place][1])
            place += 1
        at = holds
        if _INTRODUCED in here:
            at = None if _FIXED in here else True
        elif _FIXED in here:
            at = False
        holds = False if _LAST_AFFECTED in here else at
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
    found = _Steps(_any(counts))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spans:
    """The ranges of one advisory: by each order that they use, the steps and the fixed versions; why some cannot be used."""

    orders: tuple[tuple[Scheme, _Steps], ...]
    fixes: tuple[tuple[Scheme, list[Key], tuple[str, ...]], ...]
    strange: tuple[str, ...]
    commits: bool


def _spans(ecosystem: str, ranges: Iterable[tuple[str, Iterable[Event]]]) -> _Spans:
    own = scheme(ecosystem)
    timelines: dict[Scheme, tuple[list[_Steps], dict[str, Key]]] = {}
    strange: list[str] = []
    commits = False
    for kind, events in ranges:
        if kind == _GIT:
            commits = True
            continue
        order = own or SEMVER if RangeKind(kind) is RangeKind.SEMVER else own
        if order is None:
            strange.append(f"is from the ecosystem {ecosystem}, whose version order ArcOps does not know")
            continue
        made = timelines.get(order)
        if made is None:
            made = timelines[order] = ([], {})
        try:
            steps, fixes = _timeline(events, order)
        except Unparsable as error:
            strange.append(f"cannot be compared with a range that cannot be read ({error})")
            continue
        made[0].append(steps)
        made[1].update((version, key) for key, version in fixes)
    return _Spans(
        orders=tuple([(order, _union(steps)) for order, (steps, _) in timelines.items() if steps]),
        fixes=tuple([(order, *_fixes_of(fixes)) for order, (_, fixes) in timelines.items()]),
        strange=tuple(strange),
        commits=commits,
    )


def _fixes_of(fixes: dict[str, Key]) -> tuple[list[Key], tuple[str, ...]]:
    """The keys of the fixed versions, lowest first, and these versions."""
    ordered = sorted(fixes.items(), key=_second)
    return [key for _, key in ordered], tuple([text for text, _ in ordered])


@lru_cache(maxsize=4096)
def _stored_spans(ecosystem: str, text: str) -> _Spans:
    """The ranges that the database holds as JSON *text*. Databases of one ecosystem copy each other, with the same ranges."""
    return _spans(ecosystem, json.loads(text))


class Coverage:
    """What one advisory says about one package, prepared for questions about many versions.

    ``enumerated`` says that the advisory lists versions at all: *versions* may hold only those that *ranges* do not cover.
    """

    __slots__ = ("_fixes", "_keys", "_order", "_orders", "_strange", "_usual", "_versions", "ecosystem")

    def __init__(self, *, ecosystem: str, ranges: Iterable[Range], versions: Iterable[str], enumerated: bool) -> None:
        plain = ((one.kind.value, [(event.turn.value, event.version) for event in one.events]) for one in ranges)
        self._take(ecosystem, _spans(ecosystem, plain), frozenset(versions), enumerated=enumerated)

    @classmethod
    def stored(cls, *, ecosystem: str, ranges: str, versions: str, enumerated: bool) -> Coverage:
        """What the database's columns say, which are JSON: *ranges* as `stored_ranges` writes them, *versions* as a list."""
        made = object.__new__(cls)
        listed = _NONE if versions == "[]" else frozenset(json.loads(versions))
        made._take(ecosystem, _stored_spans(ecosystem, ranges), listed, enumerated=enumerated)
        return made

    def _take(self, ecosystem: str, spans: _Spans, versions: frozenset[str], *, enumerated: bool) -> None:
        self.ecosystem = ecosystem
        self._order = scheme(ecosystem)
        self._versions = versions
        self._keys: list[Key] | None = None
        self._orders, self._fixes, self._strange = spans.orders, spans.fixes, spans.strange
        if not (enumerated or self._orders or self._strange):
            self._strange = (
                "cannot be compared: the advisory names only Git commits"
                if spans.commits
                else "cannot be compared: the advisory names no versions",
            )
        self._usual = (
            (*self._orders[0], *self._fixes[0][1:])
            if len(self._orders) == len(self._fixes) == 1 and not versions and not self._strange
            else None
        )

    def answer(self, version: str) -> tuple[Covers, tuple[str, ...]]:
        """What `of` says of *version*, and what `fixes` says if it is covered or may be."""
        if self._usual is not None:  # ranges in one order, as nearly all advisories have them: one key, and two searches
            order, steps, keys, texts = self._usual
            try:
                key = _key(order, self._public(version))
            except Unparsable:
                key = None
            covered = None if key is None else steps.of(key)
            if covered is False:
                return _NO, ()
            if covered:
                first = bisect_right(keys, key)
                return _IN_RANGE, texts[first : first + _MOST_FIXES]
        found = self.of(version)
        return found, self.fixes(version) if found.standing is not None else ()

    def of(self, version: str) -> Covers:
        """Is *version* covered?"""
        if version in self._versions:
            return Covers(standing=Certainty.YES, reason="is listed as affected")
        public = self._public(version)
        strange = [*self._strange]
        for order, steps in self._orders:
            try:
                covered = steps.of(_key(order, public))
            except Unparsable as error:
                strange.append(f"cannot be read ({error})")
                continue
            if covered:
                return _IN_RANGE
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
        for order, keys, texts in self._fixes:
            try:
                first = bisect_right(keys, _key(order, self._public(version)))
            except Unparsable:
                first = 0
            found += zip(keys[first : first + _MOST_FIXES], texts[first : first + _MOST_FIXES], strict=True)
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
