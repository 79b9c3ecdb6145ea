"""Components of SBOMs against the advisory database: one query for all names, then ranges in memory."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Component, SbomSeen
from arcops.seen.vulnerabilities import Certainty, Database, Match, Uncompared, Vulnerabilities
from tasks.model.osv.database import NAME, damaged, reading
from tasks.model.osv.modules import NO_MODULE, SOME_MODULE, concerns
from tasks.model.osv.packages import Asked, Package, is_key_of_rpm, is_package, package_of, package_of_key, simple_key
from tasks.model.osv.ranges import Coverage

_NO_PACKAGES = frozenset(
    {
        "cryptographic-asset", "data", "dataset", "documentation", "file", "lock-file", "machine-learning-model", "model",
        "operating-system",
    }
)  # fmt: skip
"""Kinds of component that no advisory database lists, by their names in CycloneDX and SPDX. The packages of an operating system
and of a lock file are components of their own.
"""

_OTHER_STREAM = (
    "is of a module, and it is unknown whether the advisory is about the same stream of it (a package URL says the stream in"
    " the qualifier 'rpmmod' or 'modularitylabel')"
)
_TICK = 64
"""After how many packages the caller is asked whether to go on; a package of many advisories takes a millisecond."""
_AT_ONCE = 500
"""How many names one query asks for; SQLite takes at least 999 values in one."""

Key = tuple[str, str]


class _Entry:
    """One row: what one advisory says of one package in one release of its ecosystem. JSON in it is read only if need be."""

    __slots__ = ("_aliases", "_ranges", "advisory", "coverage", "module", "release", "score", "vector")

    def __init__(
        self,
        ecosystem: str,
        advisory: str,
        aliases: str,
        release: str,
        vector: str,
        score: int | None,
        ranges: str,
        versions: str,
        enumerated: int,
        module: str,
    ) -> None:
        self.advisory = advisory
        self._aliases = aliases
        self.release = release
        self.vector = vector
        self.score = score
        self.module = module
        self._ranges = ranges
        self.coverage = Coverage.stored(ecosystem=ecosystem, ranges=ranges, versions=versions, enumerated=bool(enumerated))

    @property
    def aliases(self) -> tuple[str, ...]:
        return _texts(self._aliases)

    def concerns(self, package: Package, asked: Asked) -> bool | None:
        """Is it about the module stream that *package* is of? `None` if this is unknown."""
        if package.module == NO_MODULE or package.module == self.module != SOME_MODULE:
            return True
        bounds = (version for _, events in json.loads(self._ranges) for _, version in events if version != "0")
        return concerns(package.module, self.module, asked.version, bounds)


@lru_cache(maxsize=16384)
def _texts(listed: str) -> tuple[str, ...]:
    return tuple(json.loads(listed))


@dataclass(slots=True)
class _Sorted:
    """Components that can be compared, and those that cannot. ``simple`` are those of `simple_key`, by package URL."""

    simple: dict[str, tuple[Key, list[str]]] = field(default_factory=dict)
    packages: dict[Package, list[str]] = field(default_factory=lambda: defaultdict(list))
    unmatched: list[Uncompared] = field(default_factory=list)
    not_applicable: list[Uncompared] = field(default_factory=list)

    def keys(self) -> set[Key]:
        asked = {(one.ecosystem, one.key) for package in self.packages for one in package.asked}
        return asked.union(key for key, _ in self.simple.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the database holds about the requested packages."""

    databases: dict[str, Database]
    entries: dict[Key, list[_Entry]]
    unreadable: dict[Key, list[tuple[str, str]]]
    releases: dict[str, frozenset[str]]


def match(documents: Iterable[SbomSeen], data: Path, *, tick: Callable[[], None] = lambda: None) -> Vulnerabilities:
    """Every component of *documents*, compared with the database in *data* or listed with the reason why not.

    **tick* is called from time to time and may raise to stop the work. Raises `Refused` if there is no valid database.
    """
    found = _sort(documents, tick)
    try:
        with closing(reading(data)) as connection:
            keys = found.keys()
            known = _look_up(connection, keys)
    except sqlite3.Error as error:
        raise damaged(data / NAME, error) from error
    matches: list[Match] = []
    compared, others = _without_advisories(found, known)
    for number, (package, refs) in enumerate((*found.packages.items(), *others)):
        if number % _TICK == 0:
            tick()
        reason = _hindrance(package, known)
        if reason:
            found.unmatched += (Uncompared(component=ref, name=package.key, purl=package.purl, reason=reason) for ref in refs)
            continue
        compared += len(refs)
        matches += _matches(package, tuple(sorted(refs)), known)
    used = {ecosystem for ecosystem, _ in keys}
    return Vulnerabilities(
        databases=tuple(known.databases[name] for name in sorted(known.databases) if name in used),
        compared=compared,
        matches=tuple(sorted(matches, key=lambda one: (one.purl, one.advisory))),
        unmatched=tuple(sorted(found.unmatched, key=lambda one: (one.component, one.purl))),
        not_applicable=tuple(sorted(found.not_applicable, key=lambda one: (one.component, one.purl))),
    )


def _without_advisories(found: _Sorted, known: _Known) -> tuple[int, list[tuple[Package, list[str]]]]:
    """How many components have a simple package that no advisory names: these are compared. And the other simple packages,
    unless another component has the same one: then it joins *packages*.
    """
    compared = 0
    others: list[tuple[Package, list[str]]] = []
    for purl, (key, refs) in found.simple.items():
        if key[0] in known.databases and key not in known.entries and key not in known.unreadable:
            compared += len(refs)
            continue
        package = package_of_key(purl, key)
        if found.packages and package in found.packages:
            found.packages[package] += refs
        else:
            others.append((package, refs))
    return compared, others


def _sort(documents: Iterable[SbomSeen], tick: Callable[[], None]) -> _Sorted:
    found = _Sorted()
    for document in documents:
        tick()
        place, root = document.path, document.root
        for component in (*document.components, *([] if root is None else [root])):
            ref = f"{place}#{component.ref}"
            if (key := simple_key(component.purl, component.version)) is not None:
                found.simple.setdefault(component.purl, (key, []))[1].append(ref)
                continue
            is_root = component is root
            try:
                if is_key_of_rpm(component):
                    found.not_applicable.append(_uncompared(ref, component, "is a public key, not a package"))
                elif not is_package(component.purl) and (is_root or component.kind in _NO_PACKAGES):
                    kind = "the subject of the document" if is_root else f"of the kind {component.kind}"
                    found.not_applicable.append(_uncompared(ref, component, f"is {kind}, not a package"))
                else:
                    found.packages[package_of(component)].append(ref)
            except Refused as error:
                found.unmatched.append(_uncompared(ref, component, str(error)))
    return found


def _uncompared(ref: str, component: Component, reason: str) -> Uncompared:
    return Uncompared(component=ref, name=component.name, purl=component.purl, reason=reason)


def _look_up(connection: sqlite3.Connection, keys: set[Key]) -> _Known:
    entries: dict[Key, list[_Entry]] = defaultdict(list)
    for ecosystem, package, *row in _rows(
        connection,
        "SELECT ecosystem, package, advisory, aliases, release, vector, score, ranges, versions, enumerated,"
        " module FROM osv.affected",
        keys,
    ):
        entries[ecosystem, package].append(_Entry(ecosystem, *row))
    unreadable: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    if connection.execute("SELECT EXISTS (SELECT 1 FROM osv.unreadable)").fetchone()[0]:
        for ecosystem, package, member, reason in _rows(
            connection, "SELECT ecosystem, package, member, reason FROM osv.unreadable", keys
        ):
            unreadable[ecosystem, package].append((member, reason))
    releases: dict[str, set[str]] = defaultdict(set)
    for ecosystem, release in connection.execute("SELECT ecosystem, release FROM osv.release"):
        releases[ecosystem].add(release)
    return _Known(
        databases={row[0]: _database(*row) for row in connection.execute("SELECT * FROM osv.ecosystem")},
        entries=entries,
        unreadable=unreadable,
        releases={name: frozenset(values) for name, values in releases.items()},
    )


def _rows(connection: sqlite3.Connection, select: str, keys: set[Key]) -> Iterator[tuple[Any, ...]]:
    """The rows that *select* gives for *keys*: one query for many names, which takes a fifth of a table of them."""
    by_ecosystem: dict[str, list[str]] = defaultdict(list)
    for ecosystem, package in sorted(keys):
        by_ecosystem[ecosystem].append(package)
    for ecosystem, packages in by_ecosystem.items():
        for first in range(0, len(packages), _AT_ONCE):
            some = packages[first : first + _AT_ONCE]
            marks = ",".join("?" * len(some))
            yield from connection.execute(f"{select} WHERE ecosystem = ? AND package IN ({marks})", (ecosystem, *some))


def _database(
    name: str, dated: str | None, imported: str, sha256: str, advisories: int, withdrawn: int, unreadable: int
) -> Database:
    return Database(
        ecosystem=name,
        dated=None if dated is None else datetime.fromisoformat(dated),
        imported=datetime.fromisoformat(imported),
        sha256=sha256,
        advisories=advisories,
        withdrawn=withdrawn,
        unreadable=unreadable,
    )


def _hindrance(package: Package, known: _Known) -> str:
    """Why the database cannot say anything about *package*, as a clause without its subject; empty if it can."""
    if package.ecosystem not in known.databases:
        return f"is a {package.ecosystem} package, but no {package.ecosystem} advisories were imported"
    releases = known.releases.get(package.ecosystem)
    if releases and package.release and package.release not in releases:
        return f"is from {package.ecosystem} {package.release}, a release that the imported advisories do not cover"
    named = any(
        (one.ecosystem, one.key) in known.entries or (one.ecosystem, one.key) in known.unreadable for one in package.asked
    )
    if package.doubt and not named:
        return package.doubt
    # What no advisory names is not affected, whatever its version is.
    if named and not all(one.version for one in package.asked):
        return "has no version, and there are advisories about the package"
    return ""


def _matches(package: Package, refs: tuple[str, ...], known: _Known) -> Iterator[Match]:
    if len(package.asked) == 1:
        best: dict[str, Match] = {}
        for match in _answers(package, package.asked[0], refs, known):
            earlier = best.get(match.advisory)
            best[match.advisory] = match if earlier is None else max(earlier, match, key=_badness)
        yield from best.values()
        return
    found: dict[str, dict[Asked, Match]] = defaultdict(dict)
    exact = {
        entry.advisory for one in package.asked if not one.loose for entry in known.entries.get((one.ecosystem, one.key), ())
    }
    for asked in package.asked:
        for match in _answers(package, asked, refs, known):
            if asked.loose and match.advisory in exact:
                continue  # it speaks of this package by its own name
            earlier = found[match.advisory].get(asked)
            found[match.advisory][asked] = match if earlier is None else max(earlier, match, key=_badness)
    for answers in found.values():
        yield _one(package, answers)


def _one(package: Package, answers: dict[Asked, Match]) -> Match:
    """The worst of the answers of one advisory. It is unknown if the name is covered at one of its possible versions only."""
    asked, worst = max(answers.items(), key=lambda answer: _badness(answer[1]))
    others = [one for one in package.asked if (one.ecosystem, one.key) == (asked.ecosystem, asked.key)]
    if worst.affected is Certainty.YES and any(
        one not in answers or answers[one].affected is not Certainty.YES for one in others
    ):
        versions = " or ".join(one.version for one in others)
        return replace(worst, affected=Certainty.UNKNOWN, reason=f"is {versions}, because the epoch of the source is not given")
    return worst


def _badness(match: Match) -> tuple[bool, int]:
    """*Yes* before *unknown*, then the greater severity; a severity that is unknown is the greatest."""
    return match.affected is Certainty.YES, 101 if match.score is None else match.score


def _answers(package: Package, asked: Asked, refs: tuple[str, ...], known: _Known) -> Iterator[Match]:
    key = asked.ecosystem, asked.key
    for entry in known.entries.get(key, ()):
        if entry.release and package.release and entry.release != package.release:
            continue
        concerned = package.module == NO_MODULE or entry.concerns(package, asked)
        if concerned is False:
            continue
        answer, fixed = entry.coverage.answer(asked.version)
        standing, reason = answer.standing, answer.reason
        if concerned is None:
            standing, reason = Certainty.UNKNOWN, _OTHER_STREAM
        if standing is None:
            continue
        if standing is Certainty.YES and entry.release and not package.release:
            standing, reason = (
                Certainty.UNKNOWN,
                f"is affected in release {entry.release}, but the release of this package is unknown",
            )
        yield Match(
            purl=package.purl,
            version=asked.version,
            ecosystem=asked.ecosystem,
            components=refs,
            advisory=entry.advisory,
            aliases=entry.aliases,
            vector=entry.vector,
            score=entry.score,
            fixed=fixed,
            affected=standing,
            reason=reason,
        )
    for member, reason in known.unreadable.get(key, ()):
        yield Match(
            purl=package.purl,
            version=asked.version,
            ecosystem=asked.ecosystem,
            components=refs,
            advisory=member.removesuffix(".json"),
            aliases=(),
            vector="",
            score=None,
            fixed=(),
            affected=Certainty.UNKNOWN,
            reason=f"is named by an advisory that cannot be read ({reason})",
        )
