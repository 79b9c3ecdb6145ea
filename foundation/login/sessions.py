"""Who is logged in: kept in the database, so that a session survives a restart, counts on each host, and can be ended at once.

A browser has 256 random bits; of these only SHA-256 is kept. A session is of one person (issuer, tenant, id), and ends after a
time without requests, and after a longer time in any case.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.database.engine import Database
from foundation.database.faults import damaged
from foundation.database.shared_keys import LOGIN, shared_key
from foundation.database.tables import SESSIONS
from foundation.login.id_token import LoggedIn, LoggedOut
from foundation.login.settings import LoginSettings

MOST_OF_ONE = 10
"""The most sessions of one person: one more ends the one that was begun first."""
MOST = 100_000
_TOUCH_SECONDS = 60.0
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person who is logged in. ``name`` is for people to read. ``begun`` and ``until`` are its first and last moment."""

    identity: Identity
    name: str
    begun: datetime
    until: datetime


class Sessions:
    """The sessions in *database* that count under *settings*. Methods raise `Unavailable` if it does not answer.

    Then no one is logged in.
    """

    def __init__(self, database: Database, settings: LoginSettings) -> None:
        self._database = database
        self._settings = settings
        self._key = b""

    def key(self) -> bytes:
        """The key that seals logins that have begun: the same on each host of the database, made by the first."""
        if not self._key:
            self._key = shared_key(self._database, LOGIN)
        return self._key

    def begin(self, who: LoggedIn, now: datetime, *, instead: str = "") -> str:
        """A new session of *who*, and never one that was there before; gives its secret. The session *instead* ends."""
        token, identity = secrets.token_urlsafe(32), who.identity
        row = {
            "hash": _hash(token),
            "issuer": identity.issuer,
            "tenant": identity.tenant,
            "person": identity.id,
            "name": who.name,
            "scopes": json.dumps(sorted(identity.scopes)),
            "roles": json.dumps(sorted(identity.roles)),
            "acr": identity.acr,
            "amr": json.dumps(sorted(identity.amr)),
            "rules": self._settings.rules,
            "sid": who.sid,
            "made": _moment(now),
            "seen": _moment(now),
            "until": _moment(now) + round(self._settings.longest * 1000),
        }
        with self._database.writing() as connection:
            connection.execute(delete(SESSIONS).where(or_(self._over(now), SESSIONS.c.hash == _hash(instead))))
            mine = select(SESSIONS.c.hash).where(_of(identity)).order_by(SESSIONS.c.made.desc(), SESSIONS.c.hash)
            surplus = [one.hash for one in connection.execute(mine.offset(MOST_OF_ONE - 1))]
            if surplus:
                connection.execute(delete(SESSIONS).where(SESSIONS.c.hash.in_(surplus)))
            if connection.execute(select(func.count()).select_from(SESSIONS)).scalar_one() >= MOST:
                raise Unavailable(f"{MOST:,} people are logged in here, which is the limit; try again later")
            connection.execute(insert(SESSIONS).values(row))
        return token

    def find(self, token: str, now: datetime) -> Session | None:
        """The session whose secret is *token*, if it counts at *now*; a look at it counts as a request."""
        if not _TOKEN.fullmatch(token):
            return None
        mine = SESSIONS.c.hash == _hash(token)
        with self._database.reading() as connection:
            row = connection.execute(select(SESSIONS).where(and_(mine, ~self._over(now)))).one_or_none()
        if row is None or not hmac.compare_digest(bytes(row.rules), self._settings.rules):
            return None
        session = _read(row, self._database.shown)
        if _moment(now) - row.seen > _TOUCH_SECONDS * 1000:
            with self._database.writing() as connection:
                connection.execute(update(SESSIONS).where(and_(mine, SESSIONS.c.seen < _moment(now))).values(seen=_moment(now)))
        return session

    def end(self, token: str) -> bool:
        """End the session whose secret is *token*. Was there one?"""
        with self._database.writing() as connection:
            return connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == _hash(token))).rowcount > 0

    def end_as_told(self, told: LoggedOut) -> tuple[Identity, ...]:
        """End what the provider ended: its session, or all sessions of a person. Gives whose they were.

        At Microsoft Entra ID a person is not known here by ``sub``, but there a session is named.
        """
        named = SESSIONS.c.sid == told.sid if told.sid else SESSIONS.c.person == told.sub
        which = and_(SESSIONS.c.issuer == self._settings.issuer.name, named)
        with self._database.writing() as connection:
            found = connection.execute(select(SESSIONS).where(which)).all()
            connection.execute(delete(SESSIONS).where(SESSIONS.c.hash.in_([one.hash for one in found])))
        return tuple(_read(one, self._database.shown).identity for one in found)

    def _over(self, now: datetime) -> ColumnElement[bool]:
        idle = _moment(now) - round(self._settings.idle * 1000)
        return or_(SESSIONS.c.until <= _moment(now), SESSIONS.c.seen <= idle)


def listed(database: Database, now: datetime, most: int) -> tuple[Session, ...]:
    """At most *most* sessions that may count at *now*, the newest first, for an operator."""
    query = (
        select(SESSIONS).where(SESSIONS.c.until > _moment(now)).order_by(SESSIONS.c.made.desc(), SESSIONS.c.hash).limit(most)
    )
    with database.reading() as connection:
        return tuple(_read(row, database.shown) for row in connection.execute(query))


def end_all(database: Database, who: Identity) -> int:
    """End every session of the person *who*, on each host. How many were there?"""
    with database.writing() as connection:
        return connection.execute(delete(SESSIONS).where(_of(who))).rowcount


def form_word(token: str) -> str:
    """The word that a form of a page has to send beside the session's cookie *token*; it cannot be used instead of that."""
    return hmac.digest(token.encode(), b"the forms of arcops", hashlib.sha256).hex()


def _of(who: Identity) -> ColumnElement[bool]:
    return and_(SESSIONS.c.issuer == who.issuer, SESSIONS.c.tenant == who.tenant, SESSIONS.c.person == who.id)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _moment(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _words(text: str) -> frozenset[str]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError
    return frozenset(found)


def _read(row: Row[Any], shown: str) -> Session:
    """The session in *row*. SQLite stores any type in any column, so a damaged one may hold anything."""
    try:
        who = Identity(
            issuer=row.issuer,
            tenant=row.tenant,
            id=row.person,
            scopes=_words(row.scopes),
            roles=_words(row.roles),
            acr=row.acr,
            amr=_words(row.amr),
        )
        if not all(isinstance(one, str) for one in (who.issuer, who.tenant, who.id, who.acr, row.name)):
            raise ValueError
        begun, until = (datetime.fromtimestamp(one / 1000, UTC) for one in (row.made, row.until))
        return Session(identity=who, name=row.name, begun=begun, until=until)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise damaged(shown, "a session has values that no session has") from error
