"""Keys: make one, name one, and put a public one among those that are trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.private_key import Algorithm, create, save, save_public
from artifacts.public_key import load_public_key
from artifacts.writing import write_new

_MOST_BYTES = 64 * 1024


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
