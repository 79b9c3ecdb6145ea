"""Bring documents into the catalog: an export of a registry, single documents, cards of agents, or the list that we ship."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.catalog_place import catalog, named
from flows.place import Place

_MOST_SAID = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogImport:
    """What to bring into the catalog."""

    export: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(positional=True, title="EXPORT", most=4096))
    """A JSON file: the answer of a registry (GET /v0.1/servers), a list of them, one server.json, or an agent's card."""
    curated: bool = False
    """The servers that ArcOps ships as a beginning, with the digests of their files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogImported:
    """How many versions are ``new`` (each is proposed), how many have another ``status`` of their publisher now, and how many
    were there already. ``left_out`` is how many were not taken, and ``why`` says of the first ones why.
    """

    new: int
    status: int
    same: int
    left_out: int
    why: tuple[str, ...]


@tool(title="Import into the catalog", scope=Scope.TRUST, idempotent=True)
def host_catalog_import(ask: HostCatalogImport, at: Place) -> CatalogImported:
    """Bring MCP servers, in the format of the public MCP registry, into this site's catalog. Nothing is asked of any network.
    Each version is only proposed: one who may approve it decides. What does not fit the format is left out, with the reason.
    """
    from services.host.catalog.curated import curated
    from services.host.catalog.document import Document
    from services.host.catalog.export import NotTaken, read_export

    if (ask.export is None) == (not ask.curated):
        raise Refused("name a file with an export, or --curated, and not both")
    documents: list[Document] = []
    why: list[str] = []
    source = "shipped with ArcOps" if ask.export is None else ask.export.name
    for one in curated() if ask.export is None else read_export(at.reach(ask.export), at.within):
        if isinstance(one, NotTaken):
            why.append(one.why)
        else:
            documents.append(one)
        at.progress(len(documents), 0)
    if why and not documents:
        raise Refused(f"nothing of {source} can be taken: {why[0]}" + (f" (and {len(why) - 1} more)" if len(why) > 1 else ""))
    with catalog(at) as there:
        taken = there.take(documents, author=named(at), source=source)
    why += taken.conflicts
    return CatalogImported(new=taken.new, status=taken.status, same=taken.same, left_out=len(why), why=tuple(why[:_MOST_SAID]))
