"""What package indexes and the place of the source say of an entry now: npm, PyPI and GitHub, if the operator named them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from arcops.errors import Refused
from capabilities.contract import Scope, always, tool
from capabilities.server.catalog_place import NAME, VERSION, catalog_with
from flows.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogAsk:
    """About which entry to ask."""

    name: str = field(metadata=NAME)
    """The entry's name."""
    version: str = field(default="", metadata=VERSION)
    """The version; the newest one if nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSaid:
    """What one ``source`` (npm, pypi, github) says of ``about`` at the moment ``at``: facts in sentences. ``problem`` says why
    there are no facts. It is what others say, and changes no verdict.
    """

    source: str
    about: str
    at: datetime
    facts: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogAsked:
    """The answers, one a source."""

    name: str
    version: str
    said: tuple[SourceSaid, ...]


@tool(title="Ask the sources of an entry", scope=Scope.READ, reads_only=True, connects=always)
def host_catalog_ask(ask: HostCatalogAsk, at: Place) -> CatalogAsked:
    """Ask npm, PyPI and GitHub what they say of an entry of the catalog now: its newest version, whether this one was withdrawn
    or deprecated, and whether its repository is archived. Only addresses that the operator named are asked
    (ARCOPS_CATALOG_SOURCES), if the tier reaches them; an answer is used for an hour.
    """
    from services.host.catalog.federation import ask_sources, read_sources

    sources = read_sources(at.settings.catalog_sources)
    if not sources:
        raise Refused(
            "no source is named; set ARCOPS_CATALOG_SOURCES, such as 'pypi=https://…/pypi npm=https://… github=https://…', "
            "and the tier to restricted"
        )
    with catalog_with(ask.name, at) as there:
        kept = there.version(ask.name, ask.version)
    found = ask_sources(kept.document, sources, at.settings.tier, at.settings.cache / "catalog", at.now())
    return CatalogAsked(
        name=kept.name,
        version=kept.version,
        said=tuple(
            SourceSaid(source=one.source, about=one.about, at=one.at, facts=one.facts, problem=one.problem) for one in found
        ),
    )
