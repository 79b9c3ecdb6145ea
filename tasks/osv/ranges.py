"""Does an advisory cover a version? OSV schema, "Evaluation", with a third answer for what cannot be told.

Versions are compared by the rules of their ecosystem (`tasks.versions`). Where those cannot read a version on either side,
and nothing else already says *yes*, the answer is *unknown*, never *no*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from arcops.seen.vulnerabilities import Standing
from tasks.osv.advisory import Event, Range, RangeKind, Turn
from tasks.versions import Scheme, Unparsable, scheme
from tasks.versions.semver import SEMVER

Key = Any  # what a scheme sorts by: opaque here, comparable with keys of the same scheme

_ORDER = {Turn.INTRODUCED: 0, Turn.FIXED: 1, Turn.LAST_AFFECTED: 2}
_REVERSED = {Turn.FIXED: 0, Turn.INTRODUCED: 1, Turn.LAST_AFFECTED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``standing`` is ``None`` where the version is not covered; ``reason`` is a clause that follows "the version"."""

    standing: Standing | None
    reason: str = ""


_NO = Answer(standing=None)


class Timeline:
    """One range with its events' keys made once. Raises `Unparsable` where an event has a version that cannot be read."""

    __slots__ = ("_limits", "_reversed", "_turns", "fixes")

    def __init__(self, events: Iterable[Event], order: Scheme) -> None:
        turns: list[tuple[Turn, Key | None, str]] = []
        self._limits: list[Key | None] = []
        for event in events:
            if event.turn is Turn.LIMIT:
                self._limits.append(None if "*" in event.version else order.key(event.version))
            else:
                first = event.turn is Turn.INTRODUCED and event.version == "0"
                turns.append((event.turn, None if first else order.key(event.version), event.version))
        self._turns = _sorted(turns, _ORDER)
        # Nothing says which of a fix and an introduction at the same version comes first. Both are tried.
        introduced = [key for turn, key, _ in turns if turn is Turn.INTRODUCED and key is not None]
        tied = any(turn is Turn.FIXED and key in introduced for turn, key, _ in turns)
        self._reversed = _sorted(turns, _REVERSED) if tied else None
        self.fixes = [(key, version) for turn, key, version in self._turns if turn is Turn.FIXED and key is not None]

    def covers(self, key: Key) -> bool | None:
        """Is the version with *key* in the range? ``None`` where the range contradicts itself there."""
        if self._limits and not any(limit is None or key < limit for limit in self._limits):
            return False
        found = _walk(self._turns, key)
        if self._reversed is not None and _walk(self._reversed, key) is not found:
            return None
        return found


def _sorted(turns: list[tuple[Turn, Key | None, str]], order: dict[Turn, int]) -> list[tuple[Turn, Key | None, str]]:
    opening = [turn for turn in turns if turn[1] is None]
    return opening + sorted((turn for turn in turns if turn[1] is not None), key=lambda turn: (turn[1], order[turn[0]]))


def _walk(turns: list[tuple[Turn, Key | None, str]], key: Key) -> bool:
    inside = False
    for turn, at, _ in turns:
        if turn is Turn.INTRODUCED:
            inside = inside or at is None or key >= at
        elif turn is Turn.FIXED:
            inside = inside and not key >= at
        else:
            inside = inside and not key > at
    return inside


class Coverage:
    """What one advisory says of one package, made ready to be asked about many versions.

    ``enumerated`` says that the advisory lists versions at all: *versions* may hold only those that *ranges* do not cover.
    """

    __slots__ = ("_keys", "_order", "_strange", "_timelines", "_versions", "ecosystem")

    def __init__(self, *, ecosystem: str, ranges: Iterable[Range], versions: Iterable[str], enumerated: bool) -> None:
        self.ecosystem = ecosystem
        self._order = scheme(ecosystem)
        self._versions = frozenset(versions)
        self._keys: list[Key] | None = None
        self._timelines: list[tuple[Scheme, Timeline]] = []
        self._strange: list[str] = []
        commits = False
        for entry in ranges:
            if entry.kind is RangeKind.GIT:
                commits = True
                continue
            order = self._order or SEMVER if entry.kind is RangeKind.SEMVER else self._order
            if order is None:
                self._strange.append(f"is of ecosystem {ecosystem}, whose version order is not known here")
                continue
            try:
                self._timelines.append((order, Timeline(entry.events, order)))
            except Unparsable as error:
                self._strange.append(f"meets a range that cannot be read ({error})")
        if not (enumerated or self._timelines or self._strange):
            self._strange.append("meets only a range of Git commits" if commits else "meets an advisory that names no versions")

    def of(self, version: str) -> Answer:
        """Is *version* covered?"""
        if version in self._versions:
            return Answer(standing=Standing.YES, reason="is listed as affected")
        public = self._public(version)
        strange = list(self._strange)
        for order, timeline in self._timelines:
            try:
                covered = timeline.covers(order.key(public))
            except Unparsable as error:
                strange.append(f"cannot be read ({error})")
                continue
            if covered:
                return Answer(standing=Standing.YES, reason="is in an affected range")
            if covered is None:
                strange.append("meets a range that is both introduced and fixed at one version")
        if self._versions:
            try:
                if self._listed(public):
                    return Answer(standing=Standing.YES, reason="equals one that is listed as affected")
            except Unparsable as error:
                strange.append(f"cannot be read ({error})")
        return Answer(standing=Standing.UNKNOWN, reason=strange[0]) if strange else _NO

    def fixes(self, version: str) -> tuple[str, ...]:
        """The versions above *version* that the advisory calls fixed, lowest first."""
        found: list[tuple[Key, str]] = []
        for order, timeline in self._timelines:
            try:
                key = order.key(self._public(version))
                found += [(fix, text) for fix, text in timeline.fixes if fix > key]
            except Unparsable:
                found += timeline.fixes
        unique = {text: key for key, text in found}
        try:
            return tuple(sorted(unique, key=lambda text: unique[text]))
        except TypeError:  # ranges of two orders: nothing sorts them together
            return tuple(sorted(unique))

    def _public(self, version: str) -> str:
        # A local build of 2.0.1 (PEP 440's "2.0.1+cu118") carries the code of 2.0.1, whatever sorts after what.
        return version.partition("+")[0] if self.ecosystem == "PyPI" else version

    def _listed(self, version: str) -> bool:
        """Does *version* equal a listed one that is spelt otherwise? A listed one that cannot be read has one spelling."""
        order = self._order
        if order is None:
            raise Unparsable(f"the version order of {self.ecosystem} is not known here")
        if self._keys is None:
            self._keys = []
            for text in self._versions:
                try:
                    self._keys.append(order.key(text))
                except Unparsable:
                    continue
        return order.key(version) in self._keys


def beyond_ranges(ecosystem: str, ranges: tuple[Range, ...], versions: Iterable[str]) -> tuple[str, ...]:
    """Those of *versions* that *ranges* alone do not already cover: all that needs to be kept of an enumeration."""
    by_range = Coverage(ecosystem=ecosystem, ranges=ranges, versions=(), enumerated=True)
    return tuple(sorted({version for version in versions if by_range.of(version).standing is not Standing.YES}))
