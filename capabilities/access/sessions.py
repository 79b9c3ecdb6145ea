"""People who are logged in to the pages: list their sessions, and end those of one person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.identity import Identity
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.database.late import is_made

if TYPE_CHECKING:
    from foundation.database.engine import Database

MOST_LISTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions:
    """Which sessions to list: all that have not reached their last moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionListed:
    """One session. ``name`` is for people to read; the person is ``id`` in a ``tenant`` of the ``issuer``."""

    issuer: str
    tenant: str
    id: str
    name: str
    begun: datetime
    until: datetime
    """Its last moment; it ends before that if it is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsListed:
    """The sessions, the newest first."""

    sessions: tuple[SessionListed, ...]


@tool(title="List sessions of people", scope=Scope.TRUST, reads_only=True)
def list_sessions(ask: ListSessions, at: Place) -> SessionsListed:
    """List who is logged in to the pages, the newest session first. No session can be used by what is listed."""
    if not is_made(at.settings):
        return SessionsListed(sessions=())
    with _database(at) as database:
        from foundation.login.sessions import listed

        found = listed(database, at.now(), MOST_LISTED)
    return SessionsListed(
        sessions=tuple(
            SessionListed(
                issuer=one.identity.issuer,
                tenant=one.identity.tenant,
                id=one.identity.id,
                name=one.name,
                begun=one.begun,
                until=one.until,
            )
            for one in found
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions:
    """Whose sessions to end."""

    person: str = field(metadata=shaped(positional=True, title="ISSUER,TENANT,ID", least=3, most=1000))
    """The person: who vouches for them, in which tenant (it may be empty), and their id there, as the list shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsEnded:
    """How many sessions ended."""

    ended: int


@tool(title="End a person's sessions", scope=Scope.TRUST, idempotent=True, destructive=True)
def end_sessions(ask: EndSessions, at: Place) -> SessionsEnded:
    """End every session of a person, on each host, at once. They can log in again if the provider lets them."""
    issuer, _, rest = ask.person.partition(",")
    tenant, comma, id_ = rest.partition(",")
    if not issuer or not comma or not id_:
        raise Refused(f"{ask.person[:200]!r} is no person; use ISSUER,TENANT,ID, with nothing between the commas for no tenant")
    if not is_made(at.settings):
        return SessionsEnded(ended=0)
    with _database(at) as database:
        from foundation.login.sessions import end_all

        return SessionsEnded(ended=end_all(database, Identity(issuer=issuer, tenant=tenant, id=id_)))


@contextmanager
def _database(at: Place) -> Iterator[Database]:
    from foundation.database.opening import opened  # with SQLAlchemy it costs start-up time

    with opened(at.settings) as database:
        yield database
