"""An entry of the catalog as it is kept: values, and how rows of the database become them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row

from arcops.errors import Refused
from services.host.catalog.document import FileLock, Kind, Status
from services.host.catalog.newest import Dated, newest


class State(StrEnum):
    """What was decided here about a version."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A version. ``text`` is the document; ``source`` is where it came from, ``author`` who brought it; ``decider`` said what
    its ``state`` is, because of ``reason``. Times are milliseconds since 1970.
    """

    name: str
    version: str
    text: str
    digest: str
    locks: tuple[FileLock, ...]
    status: Status
    state: State
    was_offered: bool
    source: str
    author: str
    decider: str
    reason: str
    published: int
    made: int
    changed: int

    @property
    def dated(self) -> Dated:
        """The version and when it was published, or else when it was brought here, by which the newest one is found."""
        return self.version, self.published or self.made

    @property
    def offered(self) -> bool:
        """May it be offered to callers?"""
        return self.state is State.APPROVED and self.status is not Status.DELETED

    @property
    def document(self) -> dict[str, Any]:
        """What its publisher said."""
        found: dict[str, Any] = msgspec.json.decode(self.text)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry without its versions. ``offered`` is the newest version that callers are offered, or empty; ``stars`` are those
    of all ``ratings`` together.
    """

    name: str
    kind: Kind
    title: str
    description: str
    tags: Mapping[str, str]
    offered: str
    stars: int
    ratings: int
    changed: int


def entry_id(name: str) -> int:
    """The number of an entry in the index of words: 52 bits of the hash of its *name*, the same in each database."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 12


def newest_offered(versions: Iterable[Kept]) -> str:
    """The newest of *versions* that callers may be offered; empty if they may be offered none."""
    return newest(one.dated for one in versions if one.offered)


def no_entry(name: str) -> Refused:
    """What to raise for an entry that is not there."""
    return Refused(f"the catalog has no entry {name[:200]!r}; 'arcops host catalog search WORDS' finds what it has")


def entry_of(row: Row[Any]) -> Entry:
    """The entry of a row of `CATALOG_ENTRIES`."""
    return Entry(
        name=row.name,
        kind=Kind(row.kind),
        title=row.title,
        description=row.description,
        tags=msgspec.json.decode(row.tags),
        offered=row.offered,
        stars=row.stars,
        ratings=row.ratings,
        changed=row.changed,
    )


def kept_of(row: Row[Any], prefix: str = "") -> Kept:
    """The version of a row of `CATALOG_VERSIONS`, whose columns have names that begin with *prefix*."""
    found = {name.removeprefix(prefix): value for name, value in row._mapping.items() if name.startswith(prefix)}
    return Kept(
        name=found["name"],
        version=found["version"],
        text=found["document"],
        digest=found["digest"],
        locks=tuple(msgspec.json.decode(found["locks"], type=list[FileLock])),
        status=Status(found["status"]),
        state=State(found["state"]),
        was_offered=bool(found["was_offered"]),
        source=found["source"],
        author=found["author"],
        decider=found["decider"],
        reason=found["reason"],
        published=found["published"],
        made=found["made"],
        changed=found["changed"],
    )
