"""``arcops access``: who may call what, API keys, and people who are logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import GREEN, RED
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capabilities.access.access import (
        AccessChecked,
        AccessExplained,
        CheckAccess,
        EngineSaid,
        ExplainAccess,
        ListRoles,
        RolesListed,
    )
    from capabilities.access.keys import ApiKeyListed, ApiKeyMade, ApiKeysListed, ListApiKeys, NewApiKey, RevokeApiKey
    from capabilities.access.revoking import ListRevoked, RevokeAccess, RevokedList, RevokedListed
    from capabilities.access.sessions import EndSessions, ListSessions, SessionsEnded, SessionsListed

ACCESS = group(
    "access",
    "Who may call which tool: check a caller, explain the decision, list the roles; keys, sessions, revocation.",
)


@command(
    "access check",
    "capabilities.access.access:check_access",
    own=Answering,
    example="check_model --as https://login.example.org,acme,7f3 --roles check",
)
def check(given: Given[CheckAccess, AccessChecked, Answering]) -> int:
    """Say whether a caller may make a call: exit code 0 if it is allowed, 3 if it is denied."""
    return GREEN if shown(given, _print_checked).allowed else RED


@command(
    "access explain",
    "capabilities.access.access:explain_access",
    own=Answering,
    example="check_model --as https://login.example.org,acme,7f3 --roles check",
)
def explain(given: Given[ExplainAccess, AccessExplained, Answering]) -> int:
    """Say which rule of which engine allows or denies a call; exit as 'arcops access check'."""
    return GREEN if shown(given, _print_explained).checked.allowed else RED


@command("access roles", "capabilities.access.access:list_roles", own=Answering)
def roles(given: Given[ListRoles, RolesListed, Answering]) -> int:
    """List the roles of this site and what they allow; exit code 3 if its policy cannot be used."""
    return RED if shown(given, _print_roles).wrong else GREEN


def _print_checked(found: AccessChecked) -> None:
    print(printable(f"{'allowed' if found.allowed else 'denied'}: {found.reason}"))
    for one in found.engines:
        if one.engine == "policy":
            print(printable(one.rule))
    if found.reads:
        print("a policy reads the arguments: a call with others may be decided differently")


def _print_explained(found: AccessExplained) -> None:
    _print_checked(found.checked)
    _print_said(found.checked.engines)
    _print_said(found.reference)
    print(printable(f"roles: {', '.join(found.granted) or '-'}; inherited: {', '.join(found.inherited) or '-'}"))
    if found.unproven:
        print(printable(f"given, and they do not count without another acr or more of amr: {', '.join(found.unproven)}"))
    print(f"policy {found.checked.epoch}")


def _print_said(said: Iterable[EngineSaid]) -> None:
    for one in said:
        print(printable(f"{one.action}, {one.engine}: {'allows' if one.allowed else 'denies'}: {one.rule}"))


def _print_roles(found: RolesListed) -> None:
    if found.wrong:
        print(printable(f"the policy cannot be used, so nothing is allowed: {found.wrong}"))
        return
    for one in found.roles:
        print(printable(f"{one.name} ({'comes with ArcOps' if one.shipped else 'of this site'}) {one.doc}".rstrip()))
        for word, values in (
            ("inherits", one.inherits),
            ("allows", one.allows),
            ("denies", one.denies),
            ("granted by", one.issuers),
            ("acr", one.acr),
            ("amr", one.amr),
        ):
            if values:
                print(printable(f"  {word} {', '.join(values)}"))
    print(f"engines: {', '.join(found.engines)}; callers with roles here: {found.callers}")
    print(f"policy {found.epoch}")


@command(
    "access key new", "capabilities.access.keys:new_api_key", example="pipeline --scopes read,check --days 30", own=Answering
)
def new(given: Given[NewApiKey, ApiKeyMade, Answering]) -> None:
    """Make an API key for callers without an issuer of tokens. Its secret is shown once."""

    def show(made: ApiKeyMade) -> None:
        print(f"{made.id} {printable(made.name)} may {', '.join(made.scopes)} until {made.until:%Y-%m-%d %H:%M} UTC")
        print(f"secret {made.secret}")
        print("Keep it now: only its hash is stored, so it cannot be shown again.")

    shown(given, show)


@command("access key list", "capabilities.access.keys:list_api_keys", own=Answering)
def list_(given: Given[ListApiKeys, ApiKeysListed, Answering]) -> None:
    """List the API keys that count now, without their secrets."""

    def show(found: ApiKeysListed) -> None:
        for one in found.keys:
            print(f"{one.id} {_state(one)} {','.join(one.scopes)} {printable(one.name)}")

    shown(given, show)


@command("access key revoke", "capabilities.access.keys:revoke_api_key", example="kvnq5xw3h2ocd6ta")
def revoke(given: Given[RevokeApiKey, ApiKeyListed, None]) -> None:
    """Revoke an API key: from now on, no door accepts it."""
    revoked = answer(given.tool, given.ask(), surroundings.place())
    print(f"{revoked.id} {printable(revoked.name)} {_state(revoked)}")


def _state(key: ApiKeyListed) -> str:
    if key.revoked is not None:
        return f"revoked {key.revoked:%Y-%m-%d %H:%M} UTC"
    return f"{'until' if key.live else 'ended'} {key.until:%Y-%m-%d %H:%M} UTC"


@command(
    "access revoke",
    "capabilities.access.revoking:revoke_access",
    example="--caller https://login.example.org,,7f3",
)
def revoke_access(given: Given[RevokeAccess, RevokedListed, None]) -> None:
    """Revoke a token, or all tokens that a caller was given: within 5 seconds no host accepts them."""
    print(_revoked(answer(given.tool, given.ask(), surroundings.place())))


@command("access revoked", "capabilities.access.revoking:list_revoked", own=Answering)
def revoked(given: Given[ListRevoked, RevokedList, Answering]) -> None:
    """List what was revoked here, the newest first."""

    def show(found: RevokedList) -> None:
        for one in found.revoked:
            print(_revoked(one))

    shown(given, show)


@command("access session list", "capabilities.access.sessions:list_sessions", own=Answering)
def sessions(given: Given[ListSessions, SessionsListed, Answering]) -> None:
    """List who is logged in to the pages, the newest session first."""

    def show(found: SessionsListed) -> None:
        for one in found.sessions:
            who = f"{one.issuer},{one.tenant},{one.id}"
            print(printable(f"{who} since {one.begun:%Y-%m-%d %H:%M} UTC until {one.until:%Y-%m-%d %H:%M} UTC {one.name}"))

    shown(given, show)


def _revoked(one: RevokedListed) -> str:
    named = {"token": one.id, "jti": f"{one.id} of {one.issuer}", "caller": f"{one.issuer},{one.tenant},{one.id}"}[one.kind]
    until = f", what was issued until {one.until:%Y-%m-%d %H:%M:%S} UTC" if one.kind == "caller" else ""
    return printable(f"{one.kind} {named} revoked {one.made:%Y-%m-%d %H:%M} UTC{until}")


@command("access session end", "capabilities.access.sessions:end_sessions", example="https://login.example.org,acme,7f3")
def end(given: Given[EndSessions, SessionsEnded, None]) -> None:
    """End every session of a person, on each host, at once."""
    print(f"{answer(given.tool, given.ask(), surroundings.place()).ended} sessions ended")
