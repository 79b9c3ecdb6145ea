"""The catalog as the API of an MCP registry answers (v0.1): what is approved, with what this site says of it beside it.

A server that is hosted here is offered by its address here and not by its package: clients then reach what was judged, with the
same permissions, limits and records as everyone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from arcops.errors import Refused
from services.host.catalog.document import OURS, milliseconds
from services.host.catalog.entry import Entry, Kept
from services.host.catalog.registry_schema import OFFICIAL

BASE = "/v0.1/servers"
LIMIT, MOST = 30, 100
"""Versions on a page, if nothing is asked for, and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What this site says of a version: the verdict that counts, its artifact, who was proven to publish it, and the addresses
    of the servers that run it, by their names.
    """

    verdict: str = ""
    artifact: str = ""
    publisher: str = ""
    hosted: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a page is asked for: ``after`` is the last name and version before it."""

    after: tuple[str, str] = ("", "")
    limit: int = LIMIT
    search: str = ""
    since: int = 0
    version: str = ""
    deleted: bool = False


def read_query(query: Mapping[str, str]) -> Asked:
    """The parameters of ``GET /v0.1/servers``. Others are ignored, as a registry does. Raises `Refused`."""
    limit = query.get("limit", "") or str(LIMIT)
    if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:9]) <= MOST):
        raise Refused(f"limit is {limit[:40]!r}; use a whole number from 1 to {MOST}")
    cursor = query.get("cursor", "")
    name, colon, version = cursor.partition(":")
    if cursor and not (colon and name and version and len(cursor) <= 500):
        raise Refused(f"cursor is {cursor[:40]!r}; use the nextCursor of an answer, as it is")
    since = milliseconds(query.get("updated_since", ""))
    deleted = query.get("include_deleted", "")
    if deleted not in ("", "true", "false"):
        raise Refused(f"include_deleted is {deleted[:40]!r}; use true or false")
    return Asked(
        after=(name, version),
        limit=int(limit),
        search=query.get("search", "")[:200],
        since=since,
        version=query.get("version", "")[:255],
        deleted=deleted == "true" or since > 0,
    )


def page(found: Sequence[tuple[Entry, Kept]], limit: int, here: Mapping[str, Here]) -> dict[str, Any]:
    """The answer with *found*, of which there is one more than *limit* if another page follows."""
    shown = found[:limit]
    metadata: dict[str, Any] = {"count": len(shown)}
    if len(found) > limit:
        metadata["nextCursor"] = f"{shown[-1][1].name}:{shown[-1][1].version}"
    return {"servers": [response(entry, kept, here.get(key(kept))) for entry, kept in shown], "metadata": metadata}


def key(kept: Kept) -> str:
    """What tells a version in *here* of `page`."""
    return f"{kept.name}:{kept.version}"


def response(entry: Entry, kept: Kept, here: Here | None) -> dict[str, Any]:
    """One version as a registry answers it."""
    document = kept.document
    ours: dict[str, Any] = {"digest": kept.digest, "tags": dict(entry.tags), "stars": entry.stars, "ratings": entry.ratings}
    if here is not None:
        ours |= {"verdict": here.verdict, "artifact": here.artifact, "publisher": here.publisher, "hosted": sorted(here.hosted)}
        if here.hosted:
            document.pop("packages", None)
            document["remotes"] = [{"type": "streamable-http", "url": url} for _, url in sorted(here.hosted.items())]
    status = kept.status.value if kept.offered else "deleted"
    official = {
        "status": status,
        "statusChangedAt": _moment(kept.changed),
        "publishedAt": _moment(kept.published or kept.made),
        "updatedAt": _moment(kept.changed),
        "isLatest": kept.version == entry.offered,
    }
    return {"server": document, "_meta": {OFFICIAL: official, OURS: ours}}


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
