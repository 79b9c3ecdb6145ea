"""Encryption with a passphrase, or to recipients (`artifacts.recipients`).

The content is encrypted with a new random key (AES-256-GCM, NIST SP 800-38D), each piece under its own name, so that no piece
can stand for another. That key is then locked with a key from the passphrase (Argon2id, RFC 9106, its second recommended
choice), or to the public keys of recipients.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from arcops.errors import Refused

KEY_BYTES = 32
_NONCE, _TAG, _SALT = 12, 16, 16
_MEMORY, _ROUNDS, _LANES = 64 * 1024, 3, 4
_MOST_MEMORY, _MOST_ROUNDS, _MOST_LANES = 1024 * 1024, 64, 64
_LEAST = 12
_UNDER = b"arcops content key v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseLock:
    """The content key, locked with a passphrase. ``salt`` and ``locked`` are hex, ``memory`` is in KiB."""

    salt: str
    memory: int
    rounds: int
    lanes: int
    locked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientLock:
    """The content key, locked to a ``recipient``: the id of their public key (``sha256:…``), and in hex what their private key
    opens.
    """

    recipient: str
    locked: str


class ContentKey:
    """Encrypts and decrypts pieces. It never leaves this process but locked."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._cipher = AESGCM(secret)

    def __repr__(self) -> str:
        return "ContentKey(…)"

    @classmethod
    def new(cls) -> ContentKey:
        """A new one, from the system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    def encrypt(self, data: bytes, name: str) -> bytes:
        """*data*, encrypted as the piece *name*."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, name.encode())

    def decrypt(self, data: bytes, name: str) -> bytes:
        """What `encrypt` got. Raises `Refused` if it is another piece, or was changed."""
        try:
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise Refused(f"{name} cannot be decrypted: it was changed, or belongs to another backup") from error

    def sealed_by(self, seal: Callable[[bytes], bytes]) -> bytes:
        """This key, sealed by *seal*."""
        return seal(self._secret)

    def locked(self, passphrase: str) -> PassphraseLock:
        """This key, locked with *passphrase*. Raises `Refused` if that is too short to keep anything secret."""
        if len(passphrase) < _LEAST:
            raise Refused(
                f"the passphrase has {len(passphrase)} characters; use {_LEAST} or more, because who has the file may guess "
                "for years"
            )
        salt = os.urandom(_SALT)
        by = AESGCM(_derived(passphrase, salt, memory=_MEMORY, rounds=_ROUNDS, lanes=_LANES))
        nonce = os.urandom(_NONCE)
        locked = nonce + by.encrypt(nonce, self._secret, _UNDER)
        return PassphraseLock(salt=salt.hex(), memory=_MEMORY, rounds=_ROUNDS, lanes=_LANES, locked=locked.hex())


def unlocked(locks: Sequence[PassphraseLock], passphrase: Callable[[], str]) -> ContentKey:
    """The content key in one of *locks*, opened with the *passphrase*. Raises `Refused` if it opens none."""
    said = passphrase() if locks else ""
    for lock in locks:
        try:
            salt, locked = bytes.fromhex(lock.salt), bytes.fromhex(lock.locked)
        except ValueError as error:
            raise Refused("the lock of the backup is not hex, so it was not made by ArcOps") from error
        if len(locked) != _NONCE + KEY_BYTES + _TAG or not (
            8 <= lock.memory <= _MOST_MEMORY and 1 <= lock.rounds <= _MOST_ROUNDS and 1 <= lock.lanes <= _MOST_LANES
        ):
            raise Refused("the lock of the backup has numbers that ArcOps does not use, so it is not tried")
        try:
            by = AESGCM(_derived(said, salt, memory=lock.memory, rounds=lock.rounds, lanes=lock.lanes))
            return ContentKey(by.decrypt(locked[:_NONCE], locked[_NONCE:], _UNDER))
        except InvalidTag:
            continue
    raise Refused("the passphrase is wrong: it does not open this backup")


def _derived(passphrase: str, salt: bytes, *, memory: int, rounds: int, lanes: int) -> bytes:
    try:
        secret = passphrase.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("the passphrase is not text in UTF-8") from error
    return Argon2id(salt=salt, length=KEY_BYTES, iterations=rounds, lanes=lanes, memory_cost=memory).derive(secret)
