"""Import an OSV ecosystem export into the database: all of it, or nothing."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.request import silent
from arcops.roots import ANYWHERE, Roots
from tasks.model.osv.advisory import Advisory, Affected, Range, UnreadableAdvisory, read_advisory
from tasks.model.osv.archive import LIMITS, ArchiveLimits, Export, open_export
from tasks.model.osv.database import NAME, keep_others, replacing
from tasks.model.osv.ecosystems import KINDS, reached, split_ecosystem
from tasks.model.osv.modules import NO_MODULE, module_of, split_name
from tasks.model.osv.packages import artifact_of, fold, qualifiers_of
from tasks.model.osv.ranges import beyond_ranges

EVERY_PACKAGE = ""
"""The package name of an advisory so broken that its package is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """The result of an import. ``dated`` is the newest change among the advisories of ``ecosystem``; ``reached`` says that a
    package URL can lead to it. If none can, no component of an SBOM is ever compared with these advisories. ``lost`` are other
    ecosystems in a database of an older format, which was replaced: they must be imported again.
    """

    ecosystem: str
    database: Path
    sha256: str
    dated: datetime | None
    advisories: int
    packages: int
    withdrawn: int
    unreadable: int
    reached: bool = True
    lost: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tally:
    """Counts for each ecosystem, made while the members are read."""

    advisories: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    newest: dict[str, datetime] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    lost: list[tuple[str, str]] = field(default_factory=list)
    readable: int = 0


def import_osv(
    zip_path: Path,
    data: Path,
    *,
    ecosystem: str | None,
    now: datetime,
    limits: ArchiveLimits = LIMITS,
    progress: Callable[[int, int], None] = silent,
    within: Roots = ANYWHERE,
) -> ImportSummary:
    """Replace one ecosystem in the database in *data* by the export at *zip_path*, which is *within* these roots.

    Without *ecosystem* it is the one that every advisory of the export names. *progress* gets the members done and the total.
    Raises `Refused` for a file that is not a valid export, or that is about another ecosystem; `Unavailable` if the disk
    prevents it. In both cases, and after a kill at any time, the database is unchanged.
    """
    with open_export(zip_path, limits, within) as export, replacing(data) as connection:
        tally = _Tally()
        _load(connection, export, tally, now=now, progress=progress)
        chosen = _chosen(zip_path, tally, ecosystem)
        packages = _settle(connection, tally, chosen)
        dated = tally.newest.get(chosen)
        counts = (tally.advisories[chosen], tally.withdrawn[chosen], tally.unreadable[chosen] + len(tally.lost))
        connection.execute(
            "INSERT INTO ecosystem VALUES (?, ?, ?, ?, ?, ?, ?)",
            (chosen, dated.isoformat() if dated else None, now.isoformat(), export.sha256, *counts),
        )
        lost = keep_others(connection, data, chosen)
        return ImportSummary(
            ecosystem=chosen,
            database=data / NAME,
            sha256=export.sha256,
            dated=dated,
            advisories=counts[0],
            packages=packages,
            withdrawn=counts[1],
            unreadable=counts[2],
            reached=reached(chosen),
            lost=lost,
        )


def _load(
    connection: sqlite3.Connection, export: Export, tally: _Tally, *, now: datetime, progress: Callable[[int, int], None]
) -> None:
    for done, (member, text) in enumerate(export.members(), start=1):
        try:
            advisory = read_advisory(text)
            if (first := tally.members.setdefault(advisory.id, member)) != member:
                raise UnreadableAdvisory(
                    f"{first} already has the id {advisory.id}",
                    tuple((entry.ecosystem, entry.name) for entry in advisory.affected),
                )
            _keep(connection, advisory, tally, now)
        except UnreadableAdvisory as error:
            _lose(connection, member, error, tally)
        if done % 256 == 0 or done == len(export):
            progress(done, len(export))


def _keep(connection: sqlite3.Connection, advisory: Advisory, tally: _Tally, now: datetime) -> None:
    ecosystems = {split_ecosystem(entry.ecosystem)[0] for entry in advisory.affected}
    gone = advisory.withdrawn is not None and advisory.withdrawn <= now
    tally.readable += bool(ecosystems)
    for name in ecosystems:
        (tally.withdrawn if gone else tally.advisories)[name] += 1
        tally.newest[name] = max(advisory.modified, tally.newest.get(name, advisory.modified))
    if not gone:
        connection.executemany("INSERT INTO affected VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _rows(advisory))
        connection.executemany(
            "INSERT OR IGNORE INTO release VALUES (?, ?)",
            (parts for entry in advisory.affected if (parts := split_ecosystem(entry.ecosystem))[1]),
        )


def _rows(advisory: Advisory) -> Iterator[tuple[str, str, str, int, str, str, str, int | None, str, str, int, str]]:
    aliases = _compact(list(advisory.aliases))
    for number, entry in enumerate(advisory.affected):
        ecosystem, release = split_ecosystem(entry.ecosystem)
        name, module = _name_and_module(ecosystem, entry)
        yield (
            ecosystem,
            fold(ecosystem, name),
            advisory.id,
            number,
            release,
            aliases,
            entry.severity.vector,
            entry.severity.score,
            _compact([_plain(part) for part in entry.ranges]),
            _compact(list(_needed(ecosystem, entry))),
            int(bool(entry.versions)),
            module,
        )


def _name_and_module(ecosystem: str, entry: Affected) -> tuple[str, str]:
    """The name of the package, and the module stream that it is of, if it is an rpm."""
    if KINDS.get(ecosystem) != "rpm":
        return entry.name, NO_MODULE
    stream, name = split_name(entry.name)
    bounds = [event.version for part in entry.ranges for event in part.events]
    return name, stream or module_of(qualifiers_of(entry.purl), (*entry.versions, *bounds))


def _needed(ecosystem: str, entry: Affected) -> tuple[str, ...]:
    return beyond_ranges(ecosystem, entry.ranges, entry.versions)


def _plain(part: Range) -> list[object]:
    return [part.kind.value, [[event.turn.value, event.version] for event in part.events]]


def _compact(value: Sequence[object]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _lose(connection: sqlite3.Connection, member: str, error: UnreadableAdvisory, tally: _Tally) -> None:
    named = {(split_ecosystem(ecosystem)[0], name) for ecosystem, name in error.packages}
    if not named:
        tally.lost.append((member, str(error)[:300]))
    for ecosystem in {pair[0] for pair in named}:
        tally.unreadable[ecosystem] += 1
    connection.executemany(
        "INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?, ?)",
        ((ecosystem, fold(ecosystem, _bare(ecosystem, name)), member, str(error)[:300]) for ecosystem, name in named),
    )


def _chosen(path: Path, tally: _Tally, wanted: str | None) -> str:
    named = tally.advisories + tally.withdrawn
    if wanted is not None:
        if not tally.advisories[wanted]:
            found = ", ".join(sorted(named)[:5]) or "no ecosystem"
            raise Refused(f"{path} holds no advisory for ecosystem {wanted!r} that is not withdrawn; it names {found}")
        return wanted
    if not named:
        raise Refused(f"{path} holds no advisory{_instead(tally)}; give an OSV ecosystem export such as PyPI's all.zip")
    everywhere = [name for name, count in named.items() if count == tally.readable]
    if len(everywhere) == 1 and not tally.advisories[everywhere[0]]:
        count = tally.withdrawn[everywhere[0]]
        raise Refused(f"{path} holds only withdrawn advisories: all {count} of {everywhere[0]}; fetch the export again")
    if len(everywhere) != 1:
        found = ", ".join(name for name, _ in named.most_common(5))
        raise Refused(f"{path} is not about exactly one ecosystem (it names {found}); name the one to import")
    return everywhere[0]


def _instead(tally: _Tally) -> str:
    """What the export holds instead of advisories; empty if it holds nothing."""
    if tally.lost:
        member, why = tally.lost[0]
        return f": none of its {len(tally.lost)} members could be read as one ({member}: {why})"
    unread = sum(tally.unreadable.values())
    return f" that could be read: {unread} could not" if unread else ""


def _settle(connection: sqlite3.Connection, tally: _Tally, chosen: str) -> int:
    for table in ("affected", "unreadable", "release"):
        connection.execute(f"DELETE FROM {table} WHERE ecosystem <> ?", (chosen,))  # noqa: S608  # names from the tuple above
    connection.executemany(
        "INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?, ?)",
        ((chosen, EVERY_PACKAGE, member, reason) for member, reason in tally.lost),
    )
    if chosen == "Maven":
        names = connection.execute("SELECT package FROM affected UNION SELECT package FROM unreadable").fetchall()
        connection.executemany(
            "INSERT INTO artifact VALUES (?, ?, ?)", ((chosen, artifact_of(name), name) for (name,) in names)
        )
    (packages,) = connection.execute("SELECT count(DISTINCT package) FROM affected").fetchone()
    return int(packages)


def _bare(ecosystem: str, name: str) -> str:
    return split_name(name)[1] if KINDS.get(ecosystem) == "rpm" else name
