"""Join by an invitation: accept it, verify the domain, get to a first server. The token, then the ticket, is what counts."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused, Unavailable
from capabilities.contract import Scope, tool
from capabilities.server.place import database, moment
from capabilities.server.putting import HERE, NOTHING_ELSE, Snippet, snippets
from flows.place import Place

if TYPE_CHECKING:
    from arcops.identity import Identity
    from foundation.database.engine import Database
    from services.host.onboarding.invitations import Invitation

_TICKET = "arcops_join_"
_KEY_DAYS = 90
_TICKET_SHAPE = shaped(positional=True, title="TICKET", least=1, most=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostJoinAccept:
    """Which invitation to use, and how the domain is verified."""

    token: str = field(metadata=shaped(positional=True, title="TOKEN", least=1, most=200))
    """The token that you were given."""
    by: str = field(default="dns", metadata=shaped(most=10))
    """dns: you put a record into your domain; mail: you get a code at your address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinBegun:
    """What to do now. ``ticket`` opens the next steps; keep it. For ``dns``, ``record`` is the name of the TXT record and
    ``value`` what it says.
    """

    ticket: str
    domain: str
    by: str
    until: datetime
    record: str = ""
    value: str = ""


@tool(title="Accept an invitation", scope=Scope.READ, connects=lambda ask: ask.by == "mail")
def host_join_accept(ask: HostJoinAccept, at: Place) -> JoinBegun:
    """Use an invitation, which works once, and begin to verify the domain of the e-mail address that was invited."""
    from services.host.onboarding.mailing import mailer
    from services.host.onboarding.surroundings import read_onboarding

    how = read_onboarding(os.environ)
    ticket = f"{_TICKET}{secrets.token_urlsafe(32)}"
    with database(at) as there:
        from services.host.onboarding.invitations import By, Invitations

        if ask.by not in tuple(By):
            raise Refused(f"there is no way {ask.by[:40]!r} to verify a domain; there are {', '.join(By)}")
        by = By(ask.by)
        if by is By.MAIL:
            mailer(how, at.settings.tier)  # before the invitation is used up
        proof = secrets.token_urlsafe(24)
        kept = Invitations(there)
        made = kept.accept(ask.token, ticket, by, proof)
        if by is By.MAIL:
            made = _mailed(made, ticket, there, at)
        return _begun(made, ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostJoinVerify:
    """Whose domain to verify."""

    ticket: str = field(metadata=_TICKET_SHAPE)
    """The ticket that accepting the invitation gave you."""
    code: str = field(default="", metadata=shaped(most=40))
    """The code that you were mailed; without it, another one is mailed to you, and the one before counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinVerified:
    """Is the domain verified? If not, ``said`` is what to do."""

    domain: str
    verified: bool
    said: str = ""


@tool(title="Verify a domain", scope=Scope.READ, connects=lambda ask: not ask.code)
def host_join_verify(ask: HostJoinVerify, at: Place) -> JoinVerified:
    """Verify the domain of the one who was invited: look for the DNS record, or compare the code. Five codes may be tried."""
    from foundation.egress.name_texts import texts
    from services.host.onboarding.surroundings import read_onboarding

    with database(at) as there:
        from services.host.onboarding.invitations import By, Invitations, code_digest

        kept = Invitations(there)
        one = kept.begun(ask.ticket)
        if one.verified:
            return JoinVerified(domain=one.domain, verified=True)
        now = at.now().timestamp() * 1000
        if one.by == By.MAIL:
            if not ask.code:
                kept.tried(ask.ticket)
                _mailed(one, ask.ticket, there, at)
                return JoinVerified(domain=one.domain, verified=False, said=f"another code was sent to {one.email}")
            one = kept.tried(ask.ticket)
            right = hmac.compare_digest(one.proof, code_digest(one.id, ask.code.strip()))
            if one.proof_until <= now:
                return JoinVerified(
                    domain=one.domain, verified=False, said="the code has ended; without a code, another is sent"
                )
            if not right:
                return JoinVerified(domain=one.domain, verified=False, said="this is not the code")
        elif value_of(one) not in texts(at.settings.tier, record_of(one), server=read_onboarding(os.environ).dns):
            said = f"the record {record_of(one)} does not say {value_of(one)} yet; a new record may take a while"
            return JoinVerified(domain=one.domain, verified=False, said=said)
        kept.proven(ask.ticket)
        return JoinVerified(domain=one.domain, verified=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostJoinFinish:
    """Who finishes."""

    ticket: str = field(metadata=_TICKET_SHAPE)
    """The ticket that accepting the invitation gave you."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstServer:
    """A server that the person may use, at its ``url``; ``snippets`` are what each family of MCP clients reads for it."""

    name: str
    url: str
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Who the person is here (issuer, tenant and id), of which verified domain. ``key`` is their API key, shown this once; it
    opens these servers and nothing else. It is empty for one who came with a token of an issuer.
    """

    issuer: str
    tenant: str
    id: str
    domain: str
    servers: tuple[FirstServer, ...]
    key: str = field(default="", repr=False)
    until: datetime | None = None


@tool(title="Finish joining", scope=Scope.READ)
def host_join_finish(ask: HostJoinFinish, at: Place) -> Joined:
    """Finish: keep which identity belongs to the verified domain, share the servers of the invitation with it, and say how
    they are reached. A caller with a token of an issuer stays who they are. Anyone else gets an API key, which is their
    identity here.
    """
    with database(at) as there:
        from services.host.figures.records import Ending, Kind, record
        from services.host.onboarding.invitations import Invitations

        kept = Invitations(there)
        one = kept.begun(ask.ticket)
        if not one.verified or one.ended:
            raise Refused("this invitation was finished already" if one.ended else f"{one.domain} is not verified yet")
        _refuse_unready(one, there, at)
        who, key, until = _identity(one, there, at)
        try:
            kept.end(ask.ticket, who)
        except BaseException:
            _take_back(who, key, there, at)
            raise
        ending = Ending.AIDED if one.aided else Ending.DONE
        record(there, Kind.ONBOARDING, one.id, moment(one.made), at.now(), ending)
    base = (at.settings.public_url or HERE).rstrip("/")
    urls = {name: f"{base}/{name}/mcp" for name in one.servers}
    servers = tuple(FirstServer(name=name, url=url, snippets=snippets(name, url)) for name, url in urls.items())
    return Joined(
        issuer=who.issuer,
        tenant=who.tenant,
        id=who.id,
        domain=one.domain,
        servers=servers,
        key=key,
        until=until,
    )


def record_of(one: Invitation) -> str:
    """The name of the TXT record."""
    return f"_arcops-challenge.{one.domain}"


def value_of(one: Invitation) -> str:
    """What the TXT record has to say."""
    return f"arcops-verify={one.proof}"


def _begun(one: Invitation, ticket: str) -> JoinBegun:
    dns = one.by == "dns"
    return JoinBegun(
        ticket=ticket,
        domain=one.domain,
        by=one.by,
        until=moment(one.proof_until),
        record=record_of(one) if dns else "",
        value=value_of(one) if dns else "",
    )


def _mailed(one: Invitation, ticket: str, there: Database, at: Place) -> Invitation:
    """Send a new code. Raises `Unavailable` if the mail is not taken; then another one can be asked for."""
    from services.host.onboarding.invitations import CODE_MINUTES, Invitations, code_digest
    from services.host.onboarding.mailing import code_message, mailer
    from services.host.onboarding.surroundings import read_onboarding

    how = read_onboarding(os.environ)
    code = "".join(secrets.choice("0123456789") for _ in range(8))
    made = Invitations(there).again(ticket, code_digest(one.id, code))
    message = code_message(code, to=one.email, sender=how.sender, site=at.settings.site, minutes=CODE_MINUTES, now=at.now())
    try:
        mailer(how, at.settings.tier).send(message)
    except Unavailable as error:
        raise Unavailable(f"{error}; your ticket is {ticket}: verify without a code to be sent another one") from error
    return made


def _refuse_unready(one: Invitation, there: Database, at: Place) -> None:
    """Raise `Unavailable` unless a server of the invitation may run now: the way has to end at a server."""
    from services.host.rows import Rows
    from services.host.site import verdicts

    by, why = verdicts(at.settings, at.now), "it was removed"
    for name in one.servers:
        row = Rows(there).one(name)
        if row is None or not row.enabled:
            continue
        try:
            by.standing(row)
        except Refused as error:
            why = str(error)
            continue
        return
    raise Unavailable(f"no server that you were invited to runs now ({why}); finish again later")


def _identity(one: Invitation, there: Database, at: Place) -> tuple[Identity, str, datetime | None]:
    """Who the person is here: a caller with an issuer stays who they are; anyone else gets a key."""
    from arcops.identity import Identity
    from foundation.identity.api_keys import ApiKeys
    from foundation.identity.reading import LOCAL

    caller = at.caller
    if caller is not None and caller.issuer != LOCAL:
        return caller, "", None
    name = f"{one.domain} ({one.id})"
    key, secret = ApiKeys(there).new(name, (NOTHING_ELSE,), timedelta(days=_KEY_DAYS), at.now())
    return Identity(issuer=LOCAL, tenant="", id=key.id), secret, key.until


def _take_back(who: Identity, key: str, there: Database, at: Place) -> None:
    from foundation.identity.api_keys import ApiKeys

    if key:
        ApiKeys(there).revoke(who.id, at.now())
