"""Revocations in the database: of one token, by its SHA-256 or by its issuer's name for it, or of everything that a caller had.

They are kept for good: a token is never older than its revocation.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from arcops.errors import Refused
from arcops.identity import Identity
from arcops.late_pattern import late
from artifacts.canonical import canonical
from foundation.database.engine import Database
from foundation.database.faults import damaged
from foundation.database.tables import REVOCATIONS
from foundation.identity.reading import LOCAL
from foundation.identity.withdrawn import State, Withdrawn

MOST = 100_000
_DIGEST = late(r"[0-9a-f]{64}", re.ASCII)
_MOST_NAME = 2048
_MOST_MOMENT = 253_402_300_799_999
"""The end of the year 9999, in milliseconds."""
_COLUMNS = tuple(REVOCATIONS.c[name] for name in ("kind", "issuer", "tenant", "id", "until"))


class Kind(Enum):
    """What is revoked."""

    TOKEN = "token"  # noqa: S105  # a word
    """One token or API key, by the SHA-256 of its text."""
    ID = "jti"
    """One token, by its issuer's name for it (``jti``)."""
    CALLER = "caller"
    """Every token that a caller was given until a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """``id`` is the SHA-256 in hexadecimal digits, the ``jti``, or the caller's id. ``until`` is the moment up to which what
    was issued does not count; ``made`` is when it was revoked.
    """

    kind: Kind
    issuer: str = ""
    tenant: str = ""
    id: str
    until: datetime
    made: datetime


class Revocations:
    """The revocations of a database. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def token(self, digest: str, now: datetime) -> Revocation:
        """Revoke the token with the SHA-256 *digest*. Raises `Refused` for what is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise Refused(
                "the token is named by its SHA-256, 64 digits of 0-9 and a-f, and never by its own text; "
                "printf %s TOKEN | sha256sum prints it"
            )
        return self._kept(Revocation(kind=Kind.TOKEN, id=digest, until=now, made=now))

    def id(self, issuer: str, id_: str, now: datetime) -> Revocation:
        """Revoke the token that *issuer* names *id_* (``jti``)."""
        _name(issuer, "issuer")
        _name(id_, "jti")
        return self._kept(Revocation(kind=Kind.ID, issuer=issuer, id=id_, until=now, made=now))

    def caller(self, identity: Identity, until: datetime, now: datetime) -> Revocation:
        """Revoke everything that *identity* was given up to *until*. Raises `Refused` for a moment that is still to come."""
        _name(identity.issuer, "issuer")
        _name(identity.id, "id")
        if identity.tenant:
            _name(identity.tenant, "tenant")
        if identity.issuer == LOCAL:
            raise Refused(f"an API key is revoked by 'arcops access key revoke {identity.id[:50]}'")
        if until > now:
            raise Refused(f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC is still to come; a role can deny what is to come")
        who = {"issuer": identity.issuer, "tenant": identity.tenant, "id": identity.id}
        return self._kept(Revocation(kind=Kind.CALLER, **who, until=until, made=now))

    def listed(self) -> tuple[Revocation, ...]:
        """Every revocation, the newest first."""
        query = select(REVOCATIONS).order_by(REVOCATIONS.c.made.desc(), REVOCATIONS.c.digest)
        with self._database.reading() as connection:
            return tuple(_read(row, self._database.shown) for row in connection.execute(query))

    def withdrawn(self, before: State | None) -> Withdrawn | None:
        """What does not count now; ``None`` if that is what it was at *before*: the number of rows and the sum of their moments
        only grow, and each change makes one of them larger.
        """
        state = select(func.count(), func.coalesce(func.sum(REVOCATIONS.c.until), 0))
        with self._database.reading() as connection:
            count, total = connection.execute(state).one()
            found = State(count=int(count), total=int(total))
            if found == before:
                return None
            rows = connection.execute(select(*_COLUMNS)).all()
        tokens, ids, callers = set[bytes](), set[tuple[str, str]](), dict[tuple[str, str, str], float]()
        try:
            for kind, issuer, tenant, id_, until in rows:  # by hand, because there may be many
                if type(until) is not int or abs(until) > _MOST_MOMENT or {type(issuer), type(tenant), type(id_)} != {str}:
                    raise ValueError
                if kind == Kind.TOKEN.value and _DIGEST.fullmatch(id_):
                    tokens.add(bytes.fromhex(id_))
                elif kind == Kind.ID.value:
                    ids.add((issuer, id_))
                elif kind == Kind.CALLER.value:
                    callers[issuer, tenant, id_] = until / 1000
                else:
                    raise ValueError
        except ValueError as error:
            raise damaged(self._database.shown, "a revocation has values that no revocation has") from error
        return Withdrawn(state=found, tokens=frozenset(tokens), ids=frozenset(ids), callers=callers)

    def _kept(self, one: Revocation) -> Revocation:
        digest = hashlib.sha256(canonical([one.kind.value, one.issuer, one.tenant, one.id])).hexdigest()
        insert = self._database.insert(REVOCATIONS)
        values = {
            "digest": digest, "kind": one.kind.value, "issuer": one.issuer, "tenant": one.tenant, "id": one.id,
            "until": _moment(one.until), "made": _moment(one.made),
        }  # fmt: skip
        later: ColumnElement[bool] = REVOCATIONS.c.until < _moment(one.until)
        grows = one.kind is Kind.CALLER  # of one token the first moment is kept
        upsert = (
            insert.values(values).on_conflict_do_update(
                index_elements=[REVOCATIONS.c.digest], set_={"until": values["until"], "made": values["made"]}, where=later
            )
            if grows
            else insert.values(values).on_conflict_do_nothing(index_elements=[REVOCATIONS.c.digest])
        )
        with self._database.writing() as connection:
            known = connection.execute(select(REVOCATIONS.c.digest).where(REVOCATIONS.c.digest == digest)).one_or_none()
            count = connection.execute(select(func.count()).select_from(REVOCATIONS)).scalar_one()
            if known is None and count >= MOST:
                raise Refused(
                    f"there are {MOST:,} revocations, the most that every host keeps in memory; revoke a caller instead of "
                    "single tokens, or replace the issuer's keys"
                )
            connection.execute(upsert)
            row = connection.execute(select(REVOCATIONS).where(REVOCATIONS.c.digest == digest)).one()
        return _read(row, self._database.shown)


def _name(text: str, what: str) -> None:
    if not text or len(text) > _MOST_NAME or not text.isprintable() or text != text.strip():
        raise Refused(f"{text[:50]!r} is no {what}; use 1 to {_MOST_NAME} printable characters, as the token has them")


def _moment(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _at(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, UTC)


def _read(row: Row[Any], shown: str) -> Revocation:
    """The revocation in *row*. One that cannot be read is damage: what it revoked must not count again."""
    try:
        if not all(isinstance(one, str) for one in (row.issuer, row.tenant, row.id)):
            raise TypeError
        found = Revocation(
            kind=Kind(row.kind), issuer=row.issuer, tenant=row.tenant, id=row.id, until=_at(row.until), made=_at(row.made)
        )
        if found.kind is Kind.TOKEN and not _DIGEST.fullmatch(found.id):
            raise ValueError
    except (TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise damaged(shown, f"the revocation {str(row.digest)[:64]!r} has values that no revocation has") from error
    return found
