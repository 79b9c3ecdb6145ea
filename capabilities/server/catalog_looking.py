"""Look at the catalog: list it, show an entry with its versions, and search it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.catalog_badges import badges
from capabilities.server.catalog_place import NAME, CatalogEntry, catalog_with, kept_catalog, shown
from capabilities.server.place import database, kept_rows
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.catalog.meaning.meanings import Meanings


E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogList:
    """Which entries to list."""

    state: str = field(default="", metadata=shaped(pattern="^(proposed|approved|refused|)$"))
    """Only those with a version that is proposed, approved or refused."""
    kind: str = field(default="", metadata=shaped(pattern="^(server|agent|)$"))
    """Only MCP servers, or only agents."""
    after: str = field(default="", metadata=shaped(most=200))
    """Those after this name, which is an earlier answer's ``next``."""
    most: int = field(default=100, metadata=shaped(short="-n", least=1, most=1000))
    """At most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogListed:
    """The entries in the order of names, without their versions, of ``total`` entries, of which ``offered`` may be hosted.
    ``next`` is where the next ones begin, if there are more.
    """

    entries: tuple[CatalogEntry, ...]
    total: int
    offered: int
    next: str = ""


@tool(title="List the catalog", scope=Scope.READ, reads_only=True)
def host_catalog_list(ask: HostCatalogList, at: Place) -> CatalogListed:
    """List the MCP servers and agents in this site's catalog, in the order of names."""
    from services.host.catalog.document import Kind
    from services.host.catalog.entry import State

    with kept_catalog(at) as there:
        if there is None:
            return CatalogListed(entries=(), total=0, offered=0)
        found = there.some(
            state=_one_of(State, ask.state),
            kind=_one_of(Kind, ask.kind),
            after=ask.after,
            most=ask.most + 1,
        )
        total, offered = there.count()
    listed = found[: ask.most]
    return CatalogListed(
        entries=tuple(shown(one) for one in listed),
        total=total,
        offered=offered,
        next=listed[-1].name if len(found) > ask.most else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogShow:
    """Which entry to show."""

    name: str = field(metadata=NAME)
    """The entry's name, such as io.github.user/server."""


@tool(title="Show an entry of the catalog", scope=Scope.READ, reads_only=True)
def host_catalog_show(ask: HostCatalogShow, at: Place) -> CatalogEntry:
    """Show an entry of the catalog with every version: who decided about it, what it can be hosted from, the verdict that
    counts about it here, and who was proven to publish it.
    """
    from services.host.catalog.document import packages_of

    with catalog_with(ask.name, at) as there:
        entry, versions = there.one(ask.name)
    packages = {one for kept in versions for one in packages_of(kept.document)}
    with kept_rows(at) as rows:
        return shown(entry, versions, badges(packages, rows, at), at.settings.public_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogSearch:
    """What to search for."""

    words: str = field(metadata=shaped(positional=True, title="WORDS", least=1, most=400))
    """What the server should do, in a few words."""
    every: bool = field(default=False, metadata=shaped(option="--all"))
    """Also entries of which no version is approved."""
    state: str = field(default="", metadata=shaped(pattern="^(proposed|approved|refused|)$"))
    """Only those with a version that is proposed, approved or refused."""
    by: str = field(default="", metadata=shaped(pattern="^(words|meaning|)$"))
    """Search by words or by meaning; without a word by meaning if that can be."""
    most: int = field(default=20, metadata=shaped(short="-n", least=1, most=100))
    """At most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFound:
    """The entries, the best first. ``by`` says which kind of search answered: ``words``, or ``meaning`` and by which model."""

    entries: tuple[CatalogEntry, ...]
    by: str


@tool(title="Search the catalog", scope=Scope.READ, reads_only=True)
def host_catalog_search(ask: HostCatalogSearch, at: Place) -> CatalogFound:
    """Find MCP servers in this site's catalog by what they should do. Without more only those that may be hosted are found."""
    if not any(one.isalnum() for one in ask.words):
        raise Refused("name at least one word to search for")
    from services.host.catalog.entry import State

    if ask.by == "meaning" and not at.settings.embedding_model:
        raise Refused(_NO_MODEL)
    state = _one_of(State, ask.state)
    with kept_catalog(at) as there:
        if there is None:
            return CatalogFound(entries=(), by="words")
        by = "words"
        if at.settings.embedding_model and ask.by != "words":
            with database(at) as open_:
                meanings = _meanings(open_, at)
                if meanings.whole() or ask.by == "meaning":
                    near = there.named(meanings.nearest(ask.words, every=ask.every, most=ask.most, state=state))
                    return CatalogFound(entries=tuple(shown(one) for one in near), by=f"meaning, by {meanings.model}")
            by = "words, because the meaning of some entries is not computed yet"
        found = there.found(ask.words, every=ask.every, state=state, most=ask.most)
    return CatalogFound(entries=tuple(shown(one) for one in found), by=by)


def _one_of(kind: type[E], text: str) -> E | None:
    """The value that *text* names, or ``None`` if it is empty. Raises `Refused` naming those that there are."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise Refused(f"{text[:40]!r} is not one of {', '.join(one.value for one in kind)}") from None


_NO_MODEL = (
    "no model is named; ARCOPS_EMBEDDING_MODEL is the folder of one, such as 'make ready' gets (all-MiniLM-L6-v2), and 'arcops "
    "host catalog index' computes what entries mean"
)


def _meanings(open_: Database, at: Place) -> Meanings:
    from pathlib import Path

    from services.host.catalog.meaning.meanings import Meanings
    from services.host.catalog.meaning.minilm import read_model

    return Meanings(open_, read_model(Path(at.settings.embedding_model)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogIndex:
    """Nothing has to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogIndexed:
    """How many entries were computed now, of how many, by which ``model``."""

    computed: int
    entries: int
    model: str


@tool(title="Compute what entries of the catalog mean", scope=Scope.TRUST, idempotent=True, destructive=True, long=True)
def host_catalog_index(ask: HostCatalogIndex, at: Place) -> CatalogIndexed:
    """Compute the meaning of each entry of the catalog that has none yet, or whose words have changed, with the model of this
    site (ARCOPS_EMBEDDING_MODEL). Nothing leaves this machine. It may be stopped, and goes on from there the next time.
    """
    if not at.settings.embedding_model:
        raise Refused(_NO_MODEL)
    with database(at) as open_:
        from services.host.catalog.catalog import Catalog

        meanings = _meanings(open_, at)
        lacking = meanings.lacking()
        done = 0
        for batch in meanings.batches(lacking):
            if at.stop.is_set():
                break
            meanings.add(batch)
            done += len(batch)
            at.progress(done, len(lacking))
        return CatalogIndexed(computed=done, entries=Catalog(open_).count()[0], model=meanings.model)
