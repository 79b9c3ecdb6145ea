"""Components of SBOMs against the advisory database: one query for all names, then ranges in memory."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import field, replace
from itertools import chain
from pathlib import Path

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Component, SbomSeen
from arcops.seen.vulnerabilities import Certainty, Match, Uncompared, Vulnerabilities
from tasks.model.osv.database import NAME, damaged, reading
from tasks.model.osv.ecosystems import is_in
from tasks.model.osv.known import Key, Known, look_up, names_of_artifacts
from tasks.model.osv.modules import NO_MODULE
from tasks.model.osv.packages import Asked, Package, artifact_of, is_key_of_rpm, is_package, package_of_key, simple_key

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
_NO_EPOCH = "is affected if the advisory, which gives no epoch, leaves that of the package out"
_TICK = 64
"""After how many packages the caller is asked whether to go on; a package of many advisories takes a millisecond."""


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


def match(documents: Iterable[SbomSeen], data: Path, *, tick: Callable[[], None] = lambda: None) -> Vulnerabilities:
    """Every component of *documents*, compared with the database in *data* or listed with the reason why not.

    **tick* is called from time to time and may raise to stop the work. Raises `Refused` if there is no valid database.
    """
    found = _sort(documents, tick)
    try:
        with closing(reading(data)) as connection:
            _with_others_of_maven(found.packages, connection)
            keys = found.keys()
            known = look_up(connection, keys)
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


def _without_advisories(found: _Sorted, known: Known) -> tuple[int, list[tuple[Package, list[str]]]]:
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


def _with_others_of_maven(packages: dict[Package, list[str]], connection: sqlite3.Connection) -> None:
    """Ask also for the packages that those of Maven may be, if no advisory has their own names."""
    of_maven = [package for package in packages if package.ecosystem == "Maven"]
    if not of_maven:
        return
    from tasks.model.osv.registry_names import perhaps_of_maven

    listed = names_of_artifacts(connection, (artifact_of(package.key) for package in of_maven))
    for package in of_maven:
        names = listed.get(artifact_of(package.key), set())
        if package.key not in names and (more := perhaps_of_maven(package, sorted(names))):
            packages[replace(package, asked=(*package.asked, *more))] = packages.pop(package)


def _sort(documents: Iterable[SbomSeen], tick: Callable[[], None]) -> _Sorted:
    found = _Sorted()
    for document in documents:
        tick()
        place, root = document.path, document.root
        components = [*document.components, *([] if root is None else [root])]
        also = [(one, replace(one, purl=text)) for one in components for text in one.also]
        for original, component in chain(zip(components, components, strict=True), also):
            ref = f"{place}#{component.ref}"
            if (key := simple_key(component.purl, component.version)) is not None:
                found.simple.setdefault(component.purl, (key, []))[1].append(ref)
                continue
            is_root = original is root
            try:
                if is_key_of_rpm(component):
                    found.not_applicable.append(_uncompared(ref, component, "is a public key, not a package"))
                elif not is_package(component.purl) and (is_root or component.kind in _NO_PACKAGES):
                    kind = "the subject of the document" if is_root else f"of the kind {component.kind}"
                    found.not_applicable.append(_uncompared(ref, component, f"is {kind}, not a package"))
                else:
                    from tasks.model.osv.package_urls import package_of

                    found.packages[package_of(component)].append(ref)
            except Refused as error:
                found.unmatched.append(_uncompared(ref, component, str(error)))
    return found


def _uncompared(ref: str, component: Component, reason: str) -> Uncompared:
    return Uncompared(component=ref, name=component.name, purl=component.purl, reason=reason)


def _hindrance(package: Package, known: Known) -> str:
    """Why the database cannot say anything about *package*, as a clause without its subject; empty if it can."""
    if package.ecosystem not in known.databases:
        return f"is a package of {package.ecosystem}, but no {package.ecosystem} advisories were imported"
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


def _matches(package: Package, refs: tuple[str, ...], known: Known) -> Iterator[Match]:
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


def _answers(package: Package, asked: Asked, refs: tuple[str, ...], known: Known) -> Iterator[Match]:
    key = asked.ecosystem, asked.key
    for entry in known.entries.get(key, ()):
        if entry.release and package.release and not is_in(package.release, entry.release):
            continue
        concerned = package.module == NO_MODULE or entry.concerns(package, asked)
        if concerned is False:
            continue
        answer, fixed = entry.coverage.answer(asked.version)
        standing, reason = answer.standing, answer.reason
        if standing is None and ":" in asked.version and (bare := entry.without_epoch(asked.version)):
            answer, fixed = entry.coverage.answer(bare)
            if answer.standing is not None:
                standing, reason = Certainty.UNKNOWN, _NO_EPOCH
        if concerned is None:
            standing, reason = Certainty.UNKNOWN, _OTHER_STREAM
        if standing is None:
            continue
        if standing is Certainty.YES and asked.doubt:
            standing, reason = Certainty.UNKNOWN, asked.doubt
        elif standing is Certainty.YES and entry.release and not package.release:
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
