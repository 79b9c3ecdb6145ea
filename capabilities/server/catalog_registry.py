"""The catalog for clients that read MCP registries, as the door of that format serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from capabilities.server.catalog_badges import badges
from capabilities.server.catalog_place import kept_catalog
from capabilities.server.place import kept_rows
from flows.place import Place

if TYPE_CHECKING:
    from services.host.catalog.entry import Entry, Kept
    from services.host.catalog.registry import Here


def registry_page(query: Mapping[str, str], origin: str, at: Place) -> dict[str, Any]:
    """The answer of ``GET /v0.1/servers``. *origin* is where hosted servers are reached. Raises `Refused` for a wrong query."""
    from services.host.catalog.registry import page, read_query

    asked = read_query(query)
    with kept_catalog(at) as there:
        found = (
            there.served(
                after=asked.after,
                most=asked.limit + 1,
                part=asked.search,
                version=asked.version,
                since=asked.since,
                deleted=asked.deleted,
            )
            if there is not None
            else ()
        )
    return page(found, asked.limit, _here(found, origin, at))


def registry_versions(name: str, query: Mapping[str, str], origin: str, at: Place) -> dict[str, Any] | None:
    """The answer of ``GET /v0.1/servers/{name}/versions``, the newest first; ``None`` if there is no such server."""
    from services.host.catalog.newest import ordered
    from services.host.catalog.registry import page

    found = _versions(name, "", query, at)
    if not found:
        return None
    by_number = {kept.version: (entry, kept) for entry, kept in found}
    found = tuple(by_number[number] for number, _ in ordered(kept.dated for _, kept in found))
    return page(found, len(found), _here(found, origin, at))


def registry_version(name: str, version: str, query: Mapping[str, str], origin: str, at: Place) -> dict[str, Any] | None:
    """The answer of ``GET /v0.1/servers/{name}/versions/{version}``; ``None`` if there is no such version."""
    from services.host.catalog.registry import key, response

    found = _versions(name, version, query, at)
    return response(*found[0], _here(found, origin, at).get(key(found[0][1]))) if found else None


def _versions(name: str, version: str, query: Mapping[str, str], at: Place) -> tuple[tuple[Entry, Kept], ...]:
    deleted = query.get("include_deleted", "") == "true"
    with kept_catalog(at) as there:
        return there.served(name=name, version=version, deleted=deleted, most=10_000) if there is not None and name else ()


def _here(found: Sequence[tuple[Entry, Kept]], origin: str, at: Place) -> Mapping[str, Here]:
    """What this site says of each version, by what tells it."""
    from services.host.catalog.document import packages_of
    from services.host.catalog.registry import Here, key

    packages = {key(kept): packages_of(kept.document) for _, kept in found}
    with kept_rows(at) as rows:
        known = badges({one for many in packages.values() for one in many}, rows, at)
    said = {}
    for name, mine in packages.items():
        badge = next((known[one] for one in mine if one in known), None)
        if badge is not None:
            said[name] = Here(
                verdict=badge.verdict,
                artifact=badge.artifact,
                publisher=badge.publisher,
                hosted={server: f"{origin}/{server}/mcp" for server in badge.running},
            )
    return said
