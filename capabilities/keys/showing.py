"""What a public key is worth here: its id, and whether it is trusted or revoked."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from artifacts.public_key import load_public_key
from capabilities.contract import Scope, tool
from flows.place import Place

_MOST_KEY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowKey:
    """Which key to show."""

    public: str = field(metadata=shaped(positional=True, text_of=_MOST_KEY_BYTES))
    """A public key in PEM (its file on the command line)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShown:
    """A key's id. ``trusted``: what it signs counts here. ``revoked``: a list takes that back, and ``why`` is its reason."""

    key_id: str
    trusted: bool
    revoked: bool
    why: str = ""


@tool(title="Show a key", scope=Scope.READ, reads_only=True)
def show_key(ask: ShowKey, at: Place) -> KeyShown:
    """Say of a public key what its id is, and whether it is trusted or revoked here."""
    from tasks.signing.grounds import revocation_lists, trusted_keys

    key = load_public_key(ask.public.encode(), where="the key")
    try:
        trusted = key.id in {one.id for one in trusted_keys(at.settings.trust)}
    except Refused:  # no key at all is trusted
        trusted = False
    lists = revocation_lists(at.settings.trust)
    named = [each for one in lists if not one.problem for each in one.revoked if each.key == key.id]
    return KeyShown(key_id=key.id, trusted=trusted, revoked=bool(named), why=named[0].reason if named else "")
