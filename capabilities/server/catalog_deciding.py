"""Decide about the catalog: approve or refuse a version, tag an entry, and rate it."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.access.known import authorization
from capabilities.contract import Scope, tool
from capabilities.server.catalog_place import NAME, VERSION, CatalogEntry, caller, catalog, named, shown
from flows.place import Place
from foundation.authorization.authorizing import OPERATOR, decide
from foundation.authorization.objects import APPROVE

CATALOG = "catalog"
"""The object of the permission to decide: ``catalog:approve``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogApprove:
    """Which version to approve."""

    name: str = field(metadata=NAME)
    """The entry's name."""
    version: str = field(default="", metadata=VERSION)
    """The version; the newest one if nothing is said."""
    reason: str = field(default="", metadata=shaped(most=1000))
    """Why, for the record."""


@tool(title="Approve a version of the catalog", scope=Scope.PUBLISH, approves=CATALOG, idempotent=True, destructive=True)
def host_catalog_approve(ask: HostCatalogApprove, at: Place) -> CatalogEntry:
    """Let a version of the catalog be offered and hosted. It takes the permission `catalog:approve`, which no scope grants, and
    another person than the one who brought the version. It runs only after its supply-chain gate, like every hosted server.
    """
    return _decided(ask.name, ask.version, ask.reason, at, approve=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogRefuse:
    """Which version to refuse."""

    name: str = field(metadata=NAME)
    """The entry's name."""
    version: str = field(default="", metadata=VERSION)
    """The version; the newest one if nothing is said."""
    reason: str = field(default="", metadata=shaped(most=1000))
    """Why, for the record and for those who look."""


@tool(title="Refuse a version of the catalog", scope=Scope.PUBLISH, approves=CATALOG, idempotent=True, destructive=True)
def host_catalog_refuse(ask: HostCatalogRefuse, at: Place) -> CatalogEntry:
    """Let a version of the catalog no longer be offered, and no new server be hosted from it. Servers that run go on: they
    are ended with host_deny or host_stop. It takes the permission `catalog:approve`.
    """
    return _decided(ask.name, ask.version, ask.reason, at, approve=False)


def _decided(name: str, version: str, reason: str, at: Place, *, approve: bool) -> CatalogEntry:
    from services.host.catalog.entry import State

    who = caller(at)
    allowed = decide(who, APPROVE, CATALOG, None, authorization(at.settings))
    if not allowed.allowed:
        raise Refused(allowed.reason)
    with catalog(at) as there:
        kept = there.version(name, version)
        if approve and who != OPERATOR and kept.author == named(at):
            raise Refused(f"you brought {name} {kept.version} into the catalog, so someone else must approve it")
        state = State.APPROVED if approve else State.REFUSED
        tags = at.settings.catalog_tags
        return shown(*there.decide(name, kept.version, state, decider=named(at), reason=reason, demanded=tags))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogTag:
    """Which tags an entry has."""

    name: str = field(metadata=NAME)
    """The entry's name."""
    tags: tuple[str, ...] = field(metadata=shaped(positional=True, title="TAG=VALUE", least=1, most=20))
    """Tags such as env=production, system=billing and owner=payments; TAG= without a value removes one."""


@tool(title="Tag an entry of the catalog", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_catalog_tag(ask: HostCatalogTag, at: Place) -> CatalogEntry:
    """Give an entry of the catalog tags, by which people find and account for it: its environment, system and owner."""
    from services.host.catalog.document import read_tags

    pairs = [one.partition("=") for one in ask.tags]
    if wrong := next((name for name, equals, _ in pairs if not (name and equals)), None):
        raise Refused(f"{wrong[:50]!r} is not TAG=VALUE")
    tags = read_tags({name: value for name, _, value in pairs if value}, ask.name)
    with catalog(at) as there:
        return shown(*there.tag(ask.name, tags, remove=[name for name, _, value in pairs if not value]))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCatalogRate:
    """What to rate."""

    name: str = field(metadata=NAME)
    """The entry's name."""
    stars: int = field(metadata=shaped(positional=True, title="STARS", least=0, most=5))
    """From 1 to 5; 0 takes the rating away."""


@tool(title="Rate an entry of the catalog", scope=Scope.PUBLISH, idempotent=True, destructive=True)
def host_catalog_rate(ask: HostCatalogRate, at: Place) -> CatalogEntry:
    """Rate an entry of the catalog. Each caller has one rating, and a later one replaces it."""
    with catalog(at) as there:
        return shown(*there.rate(ask.name, caller(at), ask.stars))
