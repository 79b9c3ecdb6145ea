"""API keys: secrets that this place gives out, for callers without an issuer of tokens.

A key is ``arcops_``, its id, ``_`` and 256 random bits. Of the secret only SHA-256 is stored: nothing that can be guessed needs
a slower hash. A key has scopes, always ends, and can be revoked at once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from arcops.errors import Refused
from arcops.identity import Identity
from arcops.late_pattern import late
from foundation.claims import NotAccepted
from foundation.database.engine import Database
from foundation.database.faults import damaged
from foundation.database.tables import API_KEYS
from foundation.identity.reading import LOCAL

PREFIX = "arcops_"
MOST_DAYS = 366
MOST_KEYS = 10_000
_ID = r"[a-z2-7]{16}"
_KEY = late(rf"{PREFIX}({_ID})_([A-Za-z0-9_-]{{43}})", re.ASCII)
_WORD = late(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_MOST_NAME = 200
_NO_HASH = bytes(32)
_NOT_KNOWN = "the API key is not known here; ask its operator for a new one (arcops access key new)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is stored; its secret is not. ``revoked`` is when that happened, or ``None``."""

    id: str
    name: str
    scopes: tuple[str, ...]
    made: datetime
    until: datetime
    revoked: datetime | None = None

    def live(self, now: datetime) -> bool:
        """Does it count at *now*?"""
        return self.revoked is None and now < self.until


class ApiKeys:
    """The API keys of a database. Methods raise `Unavailable` if it does not answer: then no key is accepted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def new(self, name: str, scopes: Iterable[str], life: timedelta, now: datetime) -> tuple[ApiKey, str]:
        """Make a key; return it and its secret, which is kept nowhere. Raises `Refused` for a key without scopes or end."""
        given = tuple(sorted(set(scopes)))
        if not name or len(name) > _MOST_NAME or not name.isprintable() or name != name.strip():
            raise Refused(f"{name[:50]!r} is no name of a key; use 1 to {_MOST_NAME} printable characters")
        if not given or not all(_WORD.fullmatch(one) for one in given):
            raise Refused("a key needs at least one scope, and each is a word like read; name them with --scopes")
        if not timedelta(0) < life <= timedelta(days=MOST_DAYS):
            raise Refused(f"a key lives for 1 to {MOST_DAYS} days; make another one when it ends")
        id_ = "".join(secrets.choice(_LETTERS) for _ in range(16))
        secret = f"{PREFIX}{id_}_{secrets.token_urlsafe(32)}"
        key = ApiKey(id=id_, name=name, scopes=given, made=now, until=now + life)
        row = {
            "id": id_,
            "name": name,
            "hash": _hash(secret),
            "scopes": " ".join(given),
            "made": _moment(now),
            "until": _moment(key.until),
        }
        with self._database.writing() as connection:
            connection.execute(insert(API_KEYS).values(row))
        return key, secret

    def caller(self, secret: str, now: datetime) -> Identity:
        """Who *secret* is the key of, at *now*. Raises `NotAccepted` if it is not known, expired or revoked.

        A secret that is wrong takes as long as one that is right, and hears nothing of whether the id is known.
        """
        found = _KEY.fullmatch(secret)
        if found is None:
            raise NotAccepted(_NOT_KNOWN)
        with self._database.reading() as connection:
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.id == found[1])).one_or_none()
        stored = row.hash if row is not None and isinstance(row.hash, bytes) else _NO_HASH
        same = hmac.compare_digest(stored, _hash(secret))
        if row is None or not same:
            raise NotAccepted(_NOT_KNOWN)
        key = _read(row, self._database.shown)
        if key.revoked is not None:
            raise NotAccepted(f"the API key {key.id} is revoked; ask its operator for a new one")
        if not key.live(now):
            raise NotAccepted(f"the API key {key.id} ended at {key.until:%Y-%m-%d %H:%M} UTC; ask its operator for a new one")
        return Identity(issuer=LOCAL, tenant="", id=key.id, scopes=frozenset(key.scopes))

    def listed(self) -> tuple[ApiKey, ...]:
        """Every key that was made, the newest first, those that ended or were revoked included."""
        query = select(API_KEYS).order_by(API_KEYS.c.made.desc(), API_KEYS.c.id).limit(MOST_KEYS)
        with self._database.reading() as connection:
            return tuple(_read(row, self._database.shown) for row in connection.execute(query))

    def revoke(self, id_: str, now: datetime) -> ApiKey:
        """Revoke the key *id_* from *now* on; one that was revoked before keeps its moment. Raises `Refused` without one."""
        with self._database.writing() as connection:
            mine = API_KEYS.c.id == id_
            connection.execute(update(API_KEYS).where(mine, API_KEYS.c.revoked.is_(None)).values(revoked=_moment(now)))
            row = connection.execute(select(API_KEYS).where(mine)).one_or_none()
        if row is None:
            raise Refused(f"there is no API key {id_[:50]!r}; 'arcops access key list' shows the ids")
        return _read(row, self._database.shown)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _moment(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _at(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, UTC)


def _read(row: Row[Any], shown: str) -> ApiKey:
    """The key in *row*. SQLite stores any type in any column, so a damaged one may hold anything."""
    try:
        scopes = tuple(row.scopes.split())
        if not all(_WORD.fullmatch(one) for one in scopes):
            raise ValueError
        return ApiKey(
            id=row.id,
            name=row.name,
            scopes=scopes,
            made=_at(row.made),
            until=_at(row.until),
            revoked=None if row.revoked is None else _at(row.revoked),
        )
    except (TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise damaged(shown, f"the API key {str(row.id)[:50]!r} has values that no key has") from error
