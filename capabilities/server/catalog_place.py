"""What the capabilities of the catalog share: the catalog itself, who asks, and how an entry is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.identity import Identity
from capabilities.server.place import author, database, kept_database
from flows.place import Place
from foundation.authorization.authorizing import OPERATOR

if TYPE_CHECKING:
    from capabilities.server.catalog_badges import Badge
    from services.host.catalog.catalog import Catalog
    from services.host.catalog.document import FileLock
    from services.host.catalog.entry import Entry, Kept

NAME = shaped(positional=True, title="NAME", least=3, most=200)
VERSION = shaped(title="VERSION", most=255)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """The digest of a file of a package, as its index gave it on the day ``seen``."""

    package: str
    file: str
    digest: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogVersion:
    """One version of an entry. ``state`` is what was decided here (proposed, approved, refused) by ``decider``, ``status`` what
    its publisher says (active, deprecated, deleted). ``packages`` are what a row can name.

    ``verdict`` and ``artifact`` are of the newest verdict that counts now about what this site hosts of it; ``publisher`` is
    who was proven by it to have published that, never what anyone says of himself. ``servers`` are the hosted ones, of which
    those in ``running`` run it for the next request; ``install`` are links that add these to VS Code, if this site's address is
    set (ARCOPS_PUBLIC_URL).
    """

    version: str
    state: str
    status: str
    packages: tuple[str, ...]
    digest: str
    source: str
    author: str
    decider: str = ""
    reason: str = ""
    published: datetime | None = None
    changed: datetime | None = None
    locks: tuple[LockedFile, ...] = ()
    verdict: str = ""
    artifact: str = ""
    publisher: str = ""
    servers: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    install: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """An entry of the catalog: ``kind`` is ``server`` or ``agent``, ``tags`` are ``NAME=VALUE``. ``offered`` is the newest
    version that may be hosted, or empty; ``stars`` are those of all ``ratings`` together. ``versions`` begin with the
    newest.
    """

    name: str
    kind: str
    title: str
    description: str
    tags: tuple[str, ...]
    offered: str
    stars: int
    ratings: int
    versions: tuple[CatalogVersion, ...] = ()

    @property
    def rating(self) -> float:
        """Stars of one rating on the average, from 1 to 5; 0 without any."""
        return self.stars / self.ratings if self.ratings else 0.0


@contextmanager
def catalog(at: Place) -> Iterator[Catalog]:
    """The catalog. Raises as `database` does."""
    with database(at) as found:
        from services.host.catalog.catalog import Catalog

        yield Catalog(found)


@contextmanager
def kept_catalog(at: Place) -> Iterator[Catalog | None]:
    """The catalog for one who only looks: a database that is not there is not made, and has none."""
    with kept_database(at) as found:
        if found is None:
            yield None
            return
        from services.host.catalog.catalog import Catalog

        yield Catalog(found)


@contextmanager
def catalog_with(name: str, at: Place) -> Iterator[Catalog]:
    """The catalog for one who looks at its entry *name*. Raises `Refused` if there is no database, so no such entry."""
    with kept_catalog(at) as there:
        if there is None:
            from services.host.catalog.entry import no_entry

            raise no_entry(name)
        yield there


def caller(at: Place) -> Identity:
    """Who asks. Over standard streams an agent asks for this machine's user, and no agent decides or rates for people."""
    if at.caller is not None:
        return at.caller
    if at.own:
        return OPERATOR
    raise Refused(
        "a person decides and rates: at this machine's own command line ('arcops host catalog'), or over HTTP with a token or "
        "key of their own"
    )


def named(at: Place) -> str:
    """Who asks, for the record."""
    who = at.caller
    return ",".join((who.issuer, who.tenant, who.id)) if who is not None else author(at)


def shown(
    entry: Entry, versions: Sequence[Kept] = (), badges: Mapping[str, Badge] | None = None, origin: str = ""
) -> CatalogEntry:
    """*entry* with *versions*, the newest first; *badges* are what is known of what this site hosts, by package, and *origin*
    is where that is reached.
    """
    from services.host.catalog.newest import ordered

    by_number = {one.version: one for one in versions}
    order = ordered(one.dated for one in versions)
    return CatalogEntry(
        name=entry.name,
        kind=entry.kind.value,
        title=entry.title,
        description=entry.description,
        tags=tuple(f"{name}={value}" for name, value in entry.tags.items()),
        offered=entry.offered,
        stars=entry.stars,
        ratings=entry.ratings,
        versions=tuple(_version(by_number[number], badges or {}, origin) for number, _ in order),
    )


def _version(kept: Kept, badges: Mapping[str, Badge], origin: str) -> CatalogVersion:
    from services.host.catalog.document import packages_of
    from services.host.catalog.install_link import install_link

    packages = packages_of(kept.document)
    badge = next((badges[one] for one in packages if one in badges), None)
    running = badge.running if badge is not None else ()
    return CatalogVersion(
        version=kept.version,
        state=kept.state.value,
        status=kept.status.value,
        packages=packages,
        digest=kept.digest,
        source=kept.source,
        author=kept.author,
        decider=kept.decider,
        reason=kept.reason,
        published=_moment(kept.published),
        changed=_moment(kept.changed),
        locks=tuple(map(_lock, kept.locks)),
        verdict=badge.verdict if badge is not None else "",
        artifact=badge.artifact if badge is not None else "",
        publisher=badge.publisher if badge is not None else "",
        servers=badge.servers if badge is not None else (),
        running=running,
        install=tuple(install_link(one, f"{origin}/{one}/mcp") for one in running) if origin else (),
    )


def _lock(one: FileLock) -> LockedFile:
    return LockedFile(package=one.package, file=one.file, digest=one.digest, seen=one.seen)


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
