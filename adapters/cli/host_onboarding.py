"""``arcops host invite``, ``invitation`` and ``join``: from an invitation to a first server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.exits import GREEN, RED
from adapters.cli.printing import Answering
from arcops.tier import Tier
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.inviting import (
        HostInvitationConfirm,
        HostInvitationRevoke,
        HostInvitations,
        HostInvite,
        InvitationShown,
        InvitationsListed,
        Invited,
    )
    from capabilities.server.joining import HostJoinAccept, HostJoinFinish, HostJoinVerify, JoinBegun, Joined, JoinVerified

_INVITING, _JOINING = "capabilities.server.inviting", "capabilities.server.joining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Answering):
    """The options of a command that may ask a name server or a mail server."""

    tier: Tier | None = None
    """How far it may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("host invite", f"{_INVITING}:host_invite", own=Answering, example="ann@example.org --to time")
def invite(given: Given[HostInvite, Invited, Answering]) -> None:
    """Invite a person of another organisation to hosted servers."""

    def tell(found: Invited) -> None:
        _print(found.invitation)
        print(f"token, which works once: {found.token}")

    shown(given, tell)


@command("host invitation list", f"{_INVITING}:host_invitations", own=Answering)
def list_(given: Given[HostInvitations, InvitationsListed, Answering]) -> None:
    """List who was invited, and how far they are."""

    def tell(found: InvitationsListed) -> None:
        for one in found.invitations:
            _print(one)
        if not found.invitations:
            print("no one was invited yet")

    shown(given, tell)


@command("host invitation confirm", f"{_INVITING}:host_invitation_confirm", own=Answering, example="3f2a9c1b04de")
def confirm(given: Given[HostInvitationConfirm, InvitationShown, Answering]) -> None:
    """Vouch for a person who cannot verify their domain."""
    shown(given, _print)


@command("host invitation revoke", f"{_INVITING}:host_invitation_revoke", own=Answering, example="3f2a9c1b04de")
def revoke(given: Given[HostInvitationRevoke, InvitationShown, Answering]) -> None:
    """Revoke an invitation."""
    shown(given, _print)


@command("host join accept", f"{_JOINING}:host_join_accept", own=Asking, example="arcops_invite_… --by dns")
def accept(given: Given[HostJoinAccept, JoinBegun, Asking]) -> None:
    """Use an invitation, and begin to verify the domain."""

    def tell(found: JoinBegun) -> None:
        if found.record:
            print(f"Put this TXT record into the domain:\n  {found.record}\n  {found.value}")
        else:
            print(printable(f"A code was sent to your address at {found.domain}."))
        print(f"Next: arcops host join verify {found.ticket}{'' if found.record else ' --code …'}")

    shown(given, tell, tier=given.own.tier)


@command("host join verify", f"{_JOINING}:host_join_verify", own=Asking, example="arcops_join_… --code 12345678")
def verify(given: Given[HostJoinVerify, JoinVerified, Asking]) -> int:
    """Verify the domain by the DNS record or the code: 0 if it is verified, 3 if not."""

    def tell(found: JoinVerified) -> None:
        print(printable(f"{found.domain} is verified" if found.verified else found.said))
        if found.verified:
            print("Next: arcops host join finish TICKET")

    return GREEN if shown(given, tell, tier=given.own.tier).verified else RED


@command("host join finish", f"{_JOINING}:host_join_finish", own=Answering, example="arcops_join_…")
def finish(given: Given[HostJoinFinish, Joined, Answering]) -> None:
    """Finish, and get the way to the first server."""

    def tell(found: Joined) -> None:
        print(printable(f"You are {found.issuer},{found.tenant},{found.id} here, of {found.domain}."))
        if found.key:
            print(f"Your key, which is shown this once: {found.key}")
        for one in found.servers:
            print(printable(f"{one.name}: {one.url}"))
            for each in one.snippets:
                if each.text:
                    print(printable(f"  {each.client}, in {each.file}: {' '.join(each.text.split())}"))

    shown(given, tell)


def _print(one: InvitationShown) -> None:
    aided = ", with help" if one.aided else ""
    by = f" by {one.by}" if one.by else ""
    print(printable(f"{one.id} {one.state}{by}{aided}: {one.email}, to {', '.join(one.servers)}, of {one.author}"))
