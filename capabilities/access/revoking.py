"""Revoke a token, or everything that a caller was given, and list what was revoked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.identity import Identity
from artifacts.misfit import Misfit
from artifacts.moments import read_spelled_moment
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.database.late import is_made

if TYPE_CHECKING:
    from foundation.identity.revocations import Revocation, Revocations


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeAccess:
    """What to revoke: one token, by its SHA-256 or by its issuer and jti; or all that a caller has."""

    token: str = field(default="", metadata=shaped(title="SHA256", most=64))
    """The SHA-256 of the token, 64 hexadecimal digits; printf %s TOKEN | sha256sum prints it."""
    jti: str = field(default="", metadata=shaped(title="ID"))
    """The id in the token (jti), with --issuer."""
    issuer: str = field(default="", metadata=shaped(title="URL"))
    """The issuer of the token with this jti."""
    caller: str = field(default="", metadata=shaped(title="ISSUER,TENANT,ID"))
    """The caller: who vouches for them, in which tenant (it may be empty), and their id there."""
    until: str = field(default="", metadata=shaped(title="MOMENT", most=40))
    """With --caller: what was issued up to this moment does not count, like 2031-12-24T10:00:00Z; by default now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedListed:
    """One revocation: of a token, a jti or a caller. What was issued until then does not count."""

    kind: str
    issuer: str
    tenant: str
    id: str
    until: datetime
    made: datetime


@tool(title="Revoke tokens", scope=Scope.TRUST, destructive=True)
def revoke_access(ask: RevokeAccess, at: Place) -> RevokedListed:
    """Revoke a token, or all tokens that a caller was given: within 5 seconds no host of this database accepts them.

    A caller may get a new token from their issuer. To keep them out, deny it by a role, or at the issuer. It cannot be undone.
    """
    named = [one for one in (ask.token, ask.jti, ask.caller) if one]
    if len(named) != 1 or bool(ask.jti) is not bool(ask.issuer) or (ask.until and not ask.caller):
        raise Refused(
            "name one thing to revoke: --token with its SHA-256, --jti and --issuer, or --caller, with --until if you like"
        )
    caller, now = _caller(ask.caller) if ask.caller else None, at.now()
    until = _moment(ask.until) if ask.until else now
    with _revocations(at) as kept:
        if caller is not None:
            return _listed(kept.caller(caller, until, now))
        return _listed(kept.token(ask.token, now) if ask.token else kept.id(ask.issuer, ask.jti, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRevoked:
    """This ask has no fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedList:
    """What was revoked, the newest first."""

    revoked: tuple[RevokedListed, ...]


@tool(title="List revoked tokens", scope=Scope.TRUST, reads_only=True)
def list_revoked(ask: ListRevoked, at: Place) -> RevokedList:
    """List what was revoked here, the newest first: tokens by SHA-256 or jti, and callers. API keys have their own list."""
    if not is_made(at.settings):
        return RevokedList(revoked=())
    with _revocations(at) as kept:
        return RevokedList(revoked=tuple(_listed(one) for one in kept.listed()))


def _moment(text: str) -> datetime:
    try:
        found = read_spelled_moment(text)
    except Misfit:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(f"--until is {text!r}; write a moment with its time zone, like 2031-12-24T10:00:00Z")
    return found


def _caller(text: str) -> Identity:
    issuer, _, rest = text.partition(",")
    tenant, comma, name = rest.partition(",")
    if not (issuer and comma and name):
        raise Refused(f"--caller is {text[:200]!r}; use ISSUER,TENANT,ID, with nothing between the commas for no tenant")
    return Identity(issuer=issuer, tenant=tenant, id=name)


@contextmanager
def _revocations(at: Place) -> Iterator[Revocations]:
    from foundation.database.opening import opened  # with SQLAlchemy it costs start-up time

    with opened(at.settings) as database:
        from foundation.identity.revocations import Revocations

        yield Revocations(database)


def _listed(one: Revocation) -> RevokedListed:
    return RevokedListed(kind=one.kind.value, issuer=one.issuer, tenant=one.tenant, id=one.id, until=one.until, made=one.made)
