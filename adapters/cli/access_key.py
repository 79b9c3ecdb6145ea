"""``arcops access key``: API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.access.keys import ApiKeyListed, ApiKeyMade, ApiKeysListed, ListApiKeys, NewApiKey, RevokeApiKey

ACCESS = group("access", "Say who may call, and what they may do.")


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
