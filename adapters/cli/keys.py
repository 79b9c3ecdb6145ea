"""``arcops keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.options import Signing
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.keys.keys import KeyMade, KeysRevoked, KeyTrusted, NewKey, RevokeKey, TrustKey
    from capabilities.keys.showing import KeyShown, ShowKey

KEYS = group("keys", "Make keys, and set which keys are trusted.")


@command("keys new", "capabilities.keys.keys:new_key", example="arcops.key")
def new(given: Given[NewKey, KeyMade, None]) -> None:
    """Make an encrypted signing key and its public half."""
    made = answer(given.tool, given.ask(), surroundings.place())
    print(f"{made.key_id}\nprivate {made.private}\npublic  {made.public}")


@command("keys trust", "capabilities.keys.keys:trust_key", reads={"public": files.key_text}, example="team.pub")
def trust(given: Given[TrustKey, KeyTrusted, None]) -> None:
    """Add a public key to the trusted keys; the policy says what it may sign."""
    trusted = answer(given.tool, given.ask(), surroundings.place())
    print(f"{trusted.key_id} is trusted: {trusted.path}")


@command(
    "keys show",
    "capabilities.keys.showing:show_key",
    own=Answering,
    reads={"public": files.key_text},
    example="team.pub",
)
def show(given: Given[ShowKey, KeyShown, Answering]) -> None:
    """Say what a public key's id is, and whether it is trusted or revoked here."""

    def tell(found: KeyShown) -> None:
        print(f"{found.key_id} is {'trusted' if found.trusted else 'not trusted'}")
        if found.revoked:
            print(printable(f"revoked: {found.why}"))

    shown(given, tell)


@command("keys revoke", "capabilities.keys.keys:revoke_key", own=Signing)
def revoke(given: Given[RevokeKey, KeysRevoked, Signing]) -> None:
    """Add a key to the signed list of revocations, or issue the list again so that it is fresh."""
    revoked = answer(given.tool, given.ask(), surroundings.place(key=given.own.key))
    print(f"{revoked.count} revoked now: {revoked.path}")
