"""Keys: make one, name one, and put a public one among those that are trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.seen.signatures import Revoked
from artifacts.bundle import open_statement, seal_statement
from artifacts.private_key import Algorithm, Signer, create, save, save_public
from artifacts.public_key import load_public_key
from artifacts.reading import read_file
from artifacts.revocation import RevocationList, parse_revocations, revocation_statement
from artifacts.writing import replace_whole, write_new

_MOST_BYTES = 64 * 1024
_MOST_LIST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """``path`` is where the encrypted private key goes; the public half goes beside it with the suffix ``.pub``."""

    path: Path
    passphrase: str
    algorithm: Algorithm = Algorithm.ED25519


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    key_id: str
    private: Path
    public: Path


def new_key(ask: NewKey) -> KeyMade:
    """Make a key pair. Raises `arcops.errors.Refused` where either file exists: a key is never overwritten."""
    key = create(ask.algorithm)
    public = ask.path.with_suffix(".pub")
    if os.path.lexists(public):  # before anything is written, or a private key without its public half would stay behind
        raise Refused(f"{public} exists already and is not overwritten; move it away or choose another name")
    ask.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    save(key, ask.path, ask.passphrase)
    save_public(key.public, public)
    return KeyMade(key_id=key.public.id, private=ask.path, public=public)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustKey:
    """``public`` is a PEM file; ``trust`` the folder of what signatures are checked against."""

    public: Path
    trust: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTrusted:
    key_id: str
    path: Path


def trust_key(ask: TrustKey) -> KeyTrusted:
    """Put a public key among the trusted ones. What it may sign is still the policy's to say."""
    from tasks.reading import read_limited

    key = load_public_key(read_limited(ask.public, _MOST_BYTES), where=str(ask.public))
    folder = ask.trust / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key.id.removeprefix('sha256:')[:16]}.pub"
    if not path.exists():
        write_new(path, key.pem, mode=0o644)
    return KeyTrusted(key_id=key.id, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey:
    """``key`` is a key id (``sha256:…``). Empty: only say, as of now, what was revoked so far."""

    trust: Path
    key: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRevoked:
    path: Path
    count: int


def revoke_key(ask: RevokeKey, *, signer: Signer, now: datetime) -> KeysRevoked:
    """Issue the signed list of revocations again, with ``ask.key`` added.

    Raises `arcops.errors.Refused` where the list that is there was not signed by *signer*: what others revoked is not dropped.
    """
    path = ask.trust / "revocations" / "arcops.sigstore.json"
    earlier: tuple[Revoked, ...] = ()
    if path.exists():
        opened = open_statement(read_file(path, _MOST_LIST_BYTES), [signer.public])
        earlier = parse_revocations(opened.statement).revoked
    added = (Revoked(key=ask.key, at=now, reason=ask.reason),) if ask.key else ()
    listed = RevocationList(issued_at=now, revoked=(*earlier, *added))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(path, seal_statement(revocation_statement(listed), signer))
    return KeysRevoked(path=path, count=len(listed.revoked))
