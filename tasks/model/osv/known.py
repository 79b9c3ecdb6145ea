"""What the advisory database holds about the packages that are asked for."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from arcops.seen.vulnerabilities import Database
from tasks.model.osv.ecosystems import KINDS
from tasks.model.osv.modules import NO_MODULE, SOME_MODULE, concerns
from tasks.model.osv.packages import Asked, Package
from tasks.model.osv.ranges import Coverage

_AT_ONCE = 500
"""How many names one query asks for; SQLite takes at least 999 values in one."""

Key = tuple[str, str]
"""An ecosystem, and the folded name of a package."""


class Entry:
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

    def without_epoch(self, version: str) -> str:
        """*version* of an rpm without its epoch, if it has one and the advisory may leave it out; else empty.

        Some databases take their versions from the names of files, in which there is no epoch.
        """
        epoch, colon, bare = version.partition(":")
        left_out = KINDS.get(self.coverage.ecosystem) == "rpm" and ":" not in self._ranges
        return bare if colon and epoch.strip("0") and left_out else ""

    def concerns(self, package: Package, asked: Asked) -> bool | None:
        """Is it about the module stream that *package* is of? `None` if this is unknown."""
        if package.module == NO_MODULE or package.module == self.module != SOME_MODULE:
            return True
        bounds = (version for _, events in json.loads(self._ranges) for _, version in events if version != "0")
        return concerns(package.module, self.module, asked.version, bounds)


@lru_cache(maxsize=16384)
def _texts(listed: str) -> tuple[str, ...]:
    return tuple(json.loads(listed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the database holds about the requested packages."""

    databases: dict[str, Database]
    entries: dict[Key, list[Entry]]
    unreadable: dict[Key, list[tuple[str, str]]]
    releases: dict[str, frozenset[str]]


def look_up(connection: sqlite3.Connection, keys: set[Key]) -> Known:
    """What advisories say of *keys*, and what the databases are. Raises `sqlite3.Error` if the file is damaged."""
    entries: dict[Key, list[Entry]] = defaultdict(list)
    for ecosystem, package, *row in _rows(
        connection,
        "SELECT ecosystem, package, advisory, aliases, release, vector, score, ranges, versions, enumerated,"
        " module FROM osv.affected",
        keys,
    ):
        entries[ecosystem, package].append(Entry(ecosystem, *row))
    unreadable: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    if connection.execute("SELECT EXISTS (SELECT 1 FROM osv.unreadable)").fetchone()[0]:
        for ecosystem, package, member, reason in _rows(
            connection, "SELECT ecosystem, package, member, reason FROM osv.unreadable", keys
        ):
            unreadable[ecosystem, package].append((member, reason))
    releases: dict[str, set[str]] = defaultdict(set)
    for ecosystem, release in connection.execute("SELECT ecosystem, release FROM osv.release"):
        releases[ecosystem].add(release)
    return Known(
        databases={row[0]: _database(*row) for row in connection.execute("SELECT * FROM osv.ecosystem")},
        entries=entries,
        unreadable=unreadable,
        releases={name: frozenset(values) for name, values in releases.items()},
    )


def names_of_artifacts(connection: sqlite3.Connection, artifacts: Iterable[str]) -> dict[str, set[str]]:
    """The packages of Maven that advisories name and that have one of these *artifacts*, by their artifact ids."""
    found: dict[str, set[str]] = defaultdict(set)
    keys = {("Maven", one) for one in artifacts}
    for artifact, name in _rows(connection, "SELECT artifact, package FROM osv.artifact", keys, column="artifact"):
        found[artifact].add(name)
    return found


def _rows(connection: sqlite3.Connection, select: str, keys: set[Key], *, column: str = "package") -> Iterator[tuple[Any, ...]]:
    """The rows that *select* gives for *keys*, whose names are in *column*: one query for many names, which takes a fifth of a
    table of them.
    """
    by_ecosystem: dict[str, list[str]] = defaultdict(list)
    for ecosystem, package in sorted(keys):
        by_ecosystem[ecosystem].append(package)
    for ecosystem, packages in by_ecosystem.items():
        for first in range(0, len(packages), _AT_ONCE):
            some = packages[first : first + _AT_ONCE]
            marks = ",".join("?" * len(some))
            yield from connection.execute(f"{select} WHERE ecosystem = ? AND {column} IN ({marks})", (ecosystem, *some))


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
