"""Invitations in the database. Each step is one conditional write, so of two who try it at once one succeeds.

Of a token, a ticket and a code only SHA-256 is kept. A token opens once; what goes on afterwards is opened by the ticket.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.authorization.sharing import Share, With, named
from foundation.database.engine import Database
from foundation.database.host_tables import INVITATIONS, TENANT_MAPPINGS
from services.host.sharing import change_shares

MOST_TRIES = 5
CODE_MINUTES, TICKET_HOURS = 30, 48
_NO_TICKET = "the ticket is not known here, or it has ended; ask for a new invitation"
_UNKNOWN = "the invitation is not known here; ask the one who invited you for a new one"


class By(StrEnum):
    """How a domain is verified."""

    DNS = "dns"
    MAIL = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation; times in milliseconds since 1970, 0 if that did not happen. ``proof`` is what the DNS record has to say,
    or the digest of the code. ``aided``: someone helped.
    """

    id: str
    email: str
    domain: str
    servers: tuple[str, ...]
    author: str
    made: int
    until: int
    used: int
    by: str
    proof: str
    proof_until: int
    tries: int
    verified: int
    aided: bool
    revoked: int
    ended: int

    def state(self, now: int) -> str:
        """In one word."""
        if self.ended:
            return "joined"
        if self.revoked:
            return "revoked"
        if self.used:
            going_on = "verified" if self.verified else "accepted"
            return going_on if self.used + TICKET_HOURS * 3_600_000 > now else "expired"
        return "open" if self.until > now else "expired"


class Invitations:
    """The invitations in *database*. Methods raise `Unavailable` if it does not answer, `Refused` for what does not count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now: ColumnElement[int] = literal_column(database.clock, BigInteger)

    def invite(
        self, id_: str, token: str, email: str, domain: str, servers: tuple[str, ...], hours: int, author: str
    ) -> Invitation:
        """Keep an invitation that *token* opens for so many hours."""
        with self._database.writing() as connection:
            connection.execute(
                insert(INVITATIONS).values(
                    id=id_,
                    hash=_hash(token),
                    ticket=b"",
                    email=email,
                    domain=domain,
                    servers=json.dumps(servers),
                    author=author,
                    made=self._now,
                    until=self._now + hours * 3_600_000,
                    used=0,
                    method="",
                    proof="",
                    proof_until=0,
                    tries=0,
                    verified=0,
                    aided=0,
                    revoked=0,
                    ended=0,
                )
            )
            return self._one(connection, INVITATIONS.c.id == id_, _UNKNOWN)

    def accept(self, token: str, ticket: str, by: By, proof: str) -> Invitation:
        """Use the invitation of *token*, once; from now on *ticket* opens what follows."""
        mine = INVITATIONS.c.hash == _hash(token)
        open_ = mine & (INVITATIONS.c.used == 0) & (INVITATIONS.c.revoked == 0) & (INVITATIONS.c.until > self._now)
        values = {"ticket": _hash(ticket), "method": by.value, "proof": proof}
        until = self._now + (CODE_MINUTES * 60_000 if by is By.MAIL else TICKET_HOURS * 3_600_000)
        with self._database.writing() as connection:
            done = connection.execute(update(INVITATIONS).where(open_).values(used=self._now, proof_until=until, **values))
            found = self._one(connection, mine, _UNKNOWN)
            if done.rowcount != 1:
                raise Refused(self._why(found))
            return found

    def begun(self, ticket: str) -> Invitation:
        """The invitation that *ticket* goes on with."""
        with self._database.reading() as connection:
            found = self._one(connection, self._ticket(ticket), _NO_TICKET)
        if found.revoked:
            raise Refused("the invitation was revoked; ask the one who invited you")
        return found

    def again(self, ticket: str, proof: str) -> Invitation:
        """A new code, because the one before has ended; tries go on being counted."""
        values = {"proof": proof, "proof_until": self._now + CODE_MINUTES * 60_000}
        with self._database.writing() as connection:
            connection.execute(update(INVITATIONS).where(self._ticket(ticket), INVITATIONS.c.verified == 0).values(**values))
            return self._one(connection, self._ticket(ticket), _UNKNOWN)

    def tried(self, ticket: str) -> Invitation:
        """Count a try. Raises `Refused` if there were too many."""
        left = self._ticket(ticket) & (INVITATIONS.c.tries < MOST_TRIES)
        with self._database.writing() as connection:
            done = connection.execute(update(INVITATIONS).where(left).values(tries=INVITATIONS.c.tries + 1))
            found = self._one(connection, self._ticket(ticket), _UNKNOWN)
            if done.rowcount != 1:
                raise Refused(f"the code was wrong {MOST_TRIES} times; ask the one who invited you for help, or for a new one")
            return found

    def proven(self, ticket: str) -> Invitation:
        """The domain is verified."""
        with self._database.writing() as connection:
            connection.execute(
                update(INVITATIONS).where(self._ticket(ticket), INVITATIONS.c.verified == 0).values(verified=self._now)
            )
            return self._one(connection, self._ticket(ticket), _UNKNOWN)

    def confirm(self, id_: str) -> Invitation:
        """Someone vouches for the person instead: they had help."""
        waits = (INVITATIONS.c.verified == 0) & (INVITATIONS.c.revoked == 0)
        open_ = (INVITATIONS.c.id == id_) & waits & (INVITATIONS.c.used + TICKET_HOURS * 3_600_000 > self._now)
        with self._database.writing() as connection:
            done = connection.execute(update(INVITATIONS).where(open_).values(verified=self._now, aided=1))
            found = self._one(connection, INVITATIONS.c.id == id_, f"there is no invitation {id_[:40]!r}")
            if done.rowcount != 1:
                raise Refused(
                    f"the invitation {id_} cannot be confirmed: it is not accepted yet, is verified, was revoked or has expired"
                )
            return found

    def revoke(self, id_: str) -> Invitation:
        """It opens nothing any more."""
        mine = INVITATIONS.c.id == id_
        with self._database.writing() as connection:
            connection.execute(update(INVITATIONS).where(mine, INVITATIONS.c.revoked == 0).values(revoked=self._now))
            return self._one(connection, mine, f"there is no invitation {id_[:40]!r}")

    def end(self, ticket: str, who: Identity) -> Invitation:
        """The person is *who*, of the verified domain: in one transaction the mapping is kept, each server of the invitation
        that is still there is shared with them, and the invitation ends. It ends once.
        """
        open_ = self._ticket(ticket) & (INVITATIONS.c.ended == 0) & (INVITATIONS.c.verified > 0) & (INVITATIONS.c.revoked == 0)
        with self._database.writing() as connection:
            done = connection.execute(update(INVITATIONS).where(open_).values(ended=self._now))
            found = self._one(connection, self._ticket(ticket), _UNKNOWN)
            if done.rowcount != 1:
                raise Refused("this invitation was finished already" if found.verified else "the domain is not verified yet")
            id_ = mapping_id(who)
            asked = select(TENANT_MAPPINGS.c.domain).where(TENANT_MAPPINGS.c.id == id_)
            there = connection.execute(asked).scalar_one_or_none()
            if there is not None and there != found.domain:
                raise Refused(f"this identity is known already as one of {there}, so it is not one of {found.domain}, too")
            if there is None:
                values = {"id": id_, "issuer": who.issuer, "tenant": who.tenant, "person": who.id, "domain": found.domain}
                known = {"email": found.email, "invitation": found.id}
                connection.execute(insert(TENANT_MAPPINGS).values(made=self._now, **values, **known))
            grant, author = (Share(kind=With.USER, who=named(who)),), f"{found.author}, by the invitation {found.id}"
            for name in found.servers:
                change_shares(connection, self._database, name, grant=grant, author=author)
            return found

    def listed(self, most: int) -> tuple[tuple[Invitation, str], ...]:
        """The newest invitations, each with its state now."""
        asked = select(INVITATIONS, self._now.label("now")).order_by(INVITATIONS.c.made.desc(), INVITATIONS.c.id).limit(most)
        with self._database.reading() as connection:
            found = [(_read(one), int(one.now)) for one in connection.execute(asked).all()]
        return tuple((one, one.state(now)) for one, now in found)

    def mapped(self, who: Identity) -> tuple[str, str] | None:
        """The verified domain of *who*, and the invitation by which that is known; ``None`` if it is not."""
        asked = select(TENANT_MAPPINGS).where(TENANT_MAPPINGS.c.id == mapping_id(who))
        with self._database.reading() as connection:
            found = connection.execute(asked).one_or_none()
        return (found.domain, found.invitation) if found is not None else None

    def _ticket(self, ticket: str) -> ColumnElement[bool]:
        return (INVITATIONS.c.ticket == _hash(ticket)) & (INVITATIONS.c.used + TICKET_HOURS * 3_600_000 > self._now)

    def _one(self, connection: Connection, where: ColumnElement[bool], lacking: str) -> Invitation:
        found = connection.execute(select(INVITATIONS).where(where)).one_or_none()
        if found is None:
            raise Refused(lacking)
        return _read(found)

    def _why(self, found: Invitation) -> str:
        if found.revoked:
            return "the invitation was revoked; ask the one who invited you"
        if found.used:
            return "the invitation was used already, and each one opens once; if that was not you, tell the one who invited you"
        return "the invitation has expired; ask the one who invited you for a new one"


def mapping_id(who: Identity) -> str:
    """What tells *who* from all others: issuer, tenant and id there. The e-mail address is no part of it."""
    return hashlib.sha256(json.dumps([who.issuer, who.tenant, who.id]).encode()).hexdigest()


def code_digest(id_: str, code: str) -> str:
    """What is kept of a *code*: it is short, so it is bound to its invitation, and tries are counted."""
    return hashlib.sha256(f"{id_} {code}".encode()).hexdigest()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _read(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        email=row.email,
        domain=row.domain,
        servers=tuple(json.loads(row.servers)),
        author=row.author,
        made=row.made,
        until=row.until,
        used=row.used,
        by=row.method,
        proof=row.proof,
        proof_until=row.proof_until,
        tries=row.tries,
        verified=row.verified,
        aided=bool(row.aided),
        revoked=row.revoked,
        ended=row.ended,
    )
