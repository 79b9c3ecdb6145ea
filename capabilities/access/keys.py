"""API keys: make one, list them, revoke one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.database.late import is_made

if TYPE_CHECKING:
    from foundation.identity.api_keys import ApiKey, ApiKeys

_MOST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """Which key to make."""

    name: str = field(metadata=shaped(positional=True, least=1, most=200))
    """What the key is for, such as the name of a pipeline."""
    scopes: tuple[Scope, ...] = field(metadata=shaped(commas=True, title="read,check", least=1))
    """What the key allows, with commas between. No scope includes another."""
    days: int = field(metadata=shaped(least=1, most=_MOST_DAYS))
    """In how many days the key ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyMade:
    """The new key. Its secret is shown now and never again."""

    id: str
    name: str
    scopes: tuple[str, ...]
    until: datetime
    secret: str = field(repr=False)


@tool(title="Make an API key", scope=Scope.TRUST)
def new_api_key(ask: NewApiKey, at: Place) -> ApiKeyMade:
    """Make an API key for callers without an issuer of tokens. Only a hash of its secret is kept.

    Refused over the network, whatever the caller's scopes are: a caller could give themselves more than they were given, and
    for longer.
    """
    if at.remote:
        raise Refused("an API key is only made on the machine itself, with 'arcops access key new'; ask its operator")
    with _keys(at) as keys:
        key, secret = keys.new(ask.name, (one.value for one in ask.scopes), timedelta(days=ask.days), at.now())
    return ApiKeyMade(id=key.id, name=key.name, scopes=key.scopes, until=key.until, secret=secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys:
    """Which keys to list."""

    all: bool = False
    """Also those that ended or were revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyListed:
    """One key, without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    made: datetime
    until: datetime
    revoked: datetime | None
    live: bool
    """Does it count now?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeysListed:
    """The keys, the newest first."""

    keys: tuple[ApiKeyListed, ...]


@tool(title="List API keys", scope=Scope.TRUST, reads_only=True)
def list_api_keys(ask: ListApiKeys, at: Place) -> ApiKeysListed:
    """List the API keys that count now, the newest first, without their secrets; on request also those that ended."""
    now = at.now()
    if not is_made(at.settings):
        return ApiKeysListed(keys=())
    with _keys(at) as keys:
        found = [_listed(one, now) for one in keys.listed()]
    return ApiKeysListed(keys=tuple(one for one in found if one.live or ask.all))


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """Which key to revoke."""

    id: str = field(metadata=shaped(positional=True, least=1, most=64))
    """The key's id, as the list shows it."""


@tool(title="Revoke an API key", scope=Scope.TRUST, idempotent=True, destructive=True)
def revoke_api_key(ask: RevokeApiKey, at: Place) -> ApiKeyListed:
    """Revoke an API key: from now on, no door accepts it. A revoked key stays in the list and cannot be restored."""
    now = at.now()
    with _keys(at) as keys:
        return _listed(keys.revoke(ask.id, now), now)


@contextmanager
def _keys(at: Place) -> Iterator[ApiKeys]:
    from foundation.database.opening import opened  # with SQLAlchemy it costs start-up time

    with opened(at.settings) as database:
        from foundation.identity.api_keys import ApiKeys

        yield ApiKeys(database)


def _listed(key: ApiKey, now: datetime) -> ApiKeyListed:
    return ApiKeyListed(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        made=key.made,
        until=key.until,
        revoked=key.revoked,
        live=key.live(now),
    )
