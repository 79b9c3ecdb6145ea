"""Keys: make one, trust a public one, revoke one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from arcops.seen.signatures import Revoked
from artifacts.bundle import open_statement, seal_statement
from artifacts.private_folder import make_private, refuse_if_open
from artifacts.private_key import Algorithm, create, save, save_public
from artifacts.public_key import load_public_key
from artifacts.reading import read_file
from artifacts.revocation import RevocationList, parse_revocations, revocation_statement
from artifacts.writing import replace_whole, write_new
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.secrets.passphrase import key_path

_MOST_KEY_BYTES = 64 * 1024
_MOST_LIST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """Which key to make, and its path."""

    path: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(positional=True))
    """The path for the encrypted private key (by default the default key); the public key is written beside it as `.pub`."""
    algorithm: Algorithm = Algorithm.ECDSA_P256
    """The kind of key. OpenSSF's model-signing tool verifies only ecdsa-p256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """The new key's id, and its two files."""

    key_id: str
    private: Path
    public: Path


@tool(title="Make a key", scope=Scope.TRUST)
def new_key(ask: NewKey, at: Place) -> KeyMade:
    """Make a signing key pair. The private key is encrypted with the passphrase that this process was given.

    Refused if one of the files exists: a key is never overwritten.
    """
    path = ask.path or key_path(at.settings.key)
    public = path.with_suffix(".pub")
    if os.path.lexists(public):  # before anything is written, so that no private key is left without its public key
        raise Refused(f"{public} exists already and is not overwritten; move it away or choose another name")
    secret = at.secret(path)
    key = create(ask.algorithm)
    make_private(path.parent)
    save(key, path, secret)
    save_public(key.public, public)
    return KeyMade(key_id=key.public.id, private=path, public=public)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustKey:
    """Which key to trust."""

    public: str = field(metadata=shaped(positional=True, text_of=_MOST_KEY_BYTES))
    """A public key in PEM (its file on the command line)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTrusted:
    """The key's id, and the file that it is kept in."""

    key_id: str
    path: Path


@tool(title="Trust a key", scope=Scope.TRUST, idempotent=True)
def trust_key(ask: TrustKey, at: Place) -> KeyTrusted:
    """Add a public key to the trusted keys. The policy still decides what it may sign."""
    key = load_public_key(ask.public.encode(), where="the key")
    folder = at.settings.trust / "keys"
    make_private(folder)
    refuse_if_open(folder, "a trusted key")
    path = folder / f"{key.id.removeprefix('sha256:')[:16]}.pub"
    if not path.exists():
        write_new(path, key.pem, mode=0o644)
    return KeyTrusted(key_id=key.id, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey:
    """Which key to revoke, and why."""

    key: str = field(default="", metadata=shaped(positional=True, title="KEY_ID"))
    """The key's id (sha256:…); if none is given, the list is only issued again, with the present time."""
    reason: str = ""
    """Why the key is revoked; needed with a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRevoked:
    """The signed list, and how many keys are on it."""

    path: Path
    count: int


@tool(title="Revoke a key", scope=Scope.TRUST, destructive=True)
def revoke_key(ask: RevokeKey, at: Place) -> KeysRevoked:
    """Issue the signed list of revoked keys again; if a key is named, it is added.

    Refused if another key signed the present list: the revocations of others are not dropped.
    """
    signer, now = at.signer(), at.now()
    path = at.settings.trust / "revocations" / "arcops.sigstore.json"
    earlier: tuple[Revoked, ...] = ()
    if path.exists():
        known = open_statement(read_file(path, _MOST_LIST_BYTES), [signer.public])
        earlier = parse_revocations(known.statement).revoked
    added = (Revoked(key=ask.key, at=now, reason=ask.reason),) if ask.key else ()
    listed = RevocationList(issued_at=now, revoked=(*earlier, *added))
    make_private(path.parent)
    replace_whole(path, seal_statement(revocation_statement(listed), signer))
    return KeysRevoked(path=path, count=len(listed.revoked))
