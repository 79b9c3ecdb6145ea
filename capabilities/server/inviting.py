"""Invite a person without an account here: make, list, confirm and revoke invitations."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import author, database, found, kept_database, moment
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.onboarding.invitations import Invitation

TOKEN = "arcops_invite_"  # noqa: S105  # how a token begins, and no token
_MOST_HOURS = 24 * 30
_MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInvite:
    """Who is invited, and to what."""

    email: str = field(metadata=shaped(positional=True, title="EMAIL", least=3, most=254))
    """Their e-mail address, at the domain of their own organisation."""
    servers: tuple[str, ...] = field(default=(), metadata=shaped(option="--to", title="NAME", least=1, most=50))
    """A hosted server that they may use; give the option once for each."""
    hours: int = field(default=72, metadata=shaped(least=1, most=_MOST_HOURS))
    """How long the invitation can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationShown:
    """An invitation. ``state`` is open, accepted, verified, joined, expired or revoked; ``aided`` says that someone helped."""

    id: str
    email: str
    domain: str
    state: str
    servers: tuple[str, ...]
    author: str
    made: datetime
    until: datetime
    by: str = ""
    aided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """The invitation, and its ``token``, which is shown this once, works once, and is kept nowhere."""

    invitation: InvitationShown
    token: str


@tool(title="Invite a person", scope=Scope.TRUST)
def host_invite(ask: HostInvite, at: Place) -> Invited:
    """Invite a person of another organisation to hosted servers. They verify the domain of their e-mail by themselves, by a DNS
    record or a code, and who they are is kept. Addresses of public mail services are refused.
    """
    from services.host.onboarding.domains import read_email, refuse_public
    from services.host.onboarding.surroundings import read_onboarding

    email, domain = read_email(ask.email)
    refuse_public(domain, read_onboarding(os.environ).refused)
    if not ask.servers:
        raise Refused("name at least one hosted server that they are invited to (--to NAME)")
    token = f"{TOKEN}{secrets.token_urlsafe(32)}"
    with database(at) as there:
        from services.host.onboarding.invitations import Invitations
        from services.host.rows import Rows

        for name in ask.servers:
            found(name, Rows(there))
        abandoned(there, at)
        made = Invitations(there).invite(secrets.token_hex(6), token, email, domain, ask.servers, ask.hours, author(at))
    return Invited(invitation=shown(made, "open"), token=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInvitations:
    """Nothing is asked: the newest are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationsListed:
    """The newest first."""

    invitations: tuple[InvitationShown, ...]


@tool(title="List invitations", scope=Scope.AUDIT, reads_only=True)
def host_invitations(ask: HostInvitations, at: Place) -> InvitationsListed:
    """List who was invited, by which caller, and how far they are."""
    with kept_database(at) as there:
        if there is None:
            return InvitationsListed(invitations=())
        from services.host.onboarding.invitations import Invitations

        return InvitationsListed(invitations=tuple(shown(one, state) for one, state in Invitations(there).listed(_MOST_SHOWN)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInvitationConfirm:
    """Which invitation to confirm."""

    id: str = field(metadata=shaped(positional=True, title="ID", least=1, most=40))
    """Its number, as 'arcops host invitation list' shows it."""


@tool(title="Confirm an invited person", scope=Scope.TRUST, destructive=True)
def host_invitation_confirm(ask: HostInvitationConfirm, at: Place) -> InvitationShown:
    """Vouch for a person who accepted an invitation and cannot verify their domain. It counts as help in the figures."""
    with database(at) as there:
        from services.host.onboarding.invitations import Invitations

        return shown(Invitations(there).confirm(ask.id), "verified")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInvitationRevoke:
    """Which invitation to revoke."""

    id: str = field(metadata=shaped(positional=True, title="ID", least=1, most=40))
    """Its number, as 'arcops host invitation list' shows it."""


@tool(title="Revoke an invitation", scope=Scope.TRUST, destructive=True, idempotent=True)
def host_invitation_revoke(ask: HostInvitationRevoke, at: Place) -> InvitationShown:
    """Revoke an invitation: it opens nothing any more. A key that it gave is revoked by 'arcops access key revoke'."""
    with database(at) as there:
        from services.host.onboarding.invitations import Invitations

        return shown(Invitations(there).revoke(ask.id), "revoked")


def shown(one: Invitation, state: str) -> InvitationShown:
    """*one* as an answer."""
    return InvitationShown(
        id=one.id,
        email=one.email,
        domain=one.domain,
        state=state,
        servers=one.servers,
        author=one.author,
        made=moment(one.made),
        until=moment(one.until),
        by=one.by,
        aided=one.aided,
    )


def abandoned(there: Database, at: Place) -> None:
    """Record each invitation that expired unfinished, once, for the figures."""
    from services.host.figures.records import Ending, Kind, record, recorded
    from services.host.onboarding.invitations import Invitations

    known = {one.subject for one in recorded(there, [Kind.ONBOARDING])}
    for one, state in Invitations(there).listed(_MOST_SHOWN):
        if state == "expired" and one.id not in known:
            record(there, Kind.ONBOARDING, one.id, moment(one.made), at.now(), Ending.ABANDONED)
