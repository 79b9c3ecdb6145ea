"""Encryption to recipients: who encrypts has their public keys alone, and cannot open what was encrypted.

The content key is locked with HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Keys are X25519
keys in PEM (RFC 8410), as ``openssl genpkey -algorithm X25519`` makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from arcops.errors import Refused
from artifacts.encryption import KEY_BYTES, ContentKey, RecipientLock
from artifacts.public_key import key_id

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_INFO = b"arcops content key v1 to "
_MAKE = "'openssl genpkey -algorithm X25519' makes one, and 'openssl pkey -pubout' gives its public half"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who may open: the id of their public key (``sha256:…``), and the key."""

    id: str
    raw: X25519PublicKey = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The private key of a recipient."""

    recipient: Recipient
    raw: X25519PrivateKey = field(hash=False, repr=False)


def read_recipient(pem: bytes, *, where: str) -> Recipient:
    """The public key in *pem*. Raises `Refused` for anything else, a private key above all: it has to stay elsewhere."""
    if b"PRIVATE KEY" in pem:
        raise Refused(f"{where} is a private key; name its public half here, and keep the private one away from this machine")
    try:
        raw = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(f"{where} is no public key in PEM; {_MAKE}") from error
    if not isinstance(raw, X25519PublicKey):
        raise Refused(f"{where} is a {type(raw).__name__}, and a recipient has an X25519 key; {_MAKE}")
    return _recipient(raw)


def read_identity(pem: str, passphrase: Callable[[], str]) -> Identity:
    """The private key in *pem*; if it is encrypted, the *passphrase* opens it. Raises `Refused`."""
    data, what = pem.encode(), "the private key of the backup's recipient"
    secret = passphrase().encode() if "ENCRYPTED" in pem else None
    try:
        raw = serialization.load_pem_private_key(data, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Refused(f"{what} is no private key in PEM, or the passphrase of backups does not open it") from error
    if not isinstance(raw, X25519PrivateKey):
        raise Refused(f"{what} is a {type(raw).__name__}, and a recipient has an X25519 key; {_MAKE}")
    return Identity(recipient=_recipient(raw.public_key()), raw=raw)


def locked_to(content: ContentKey, recipient: Recipient) -> RecipientLock:
    """*content*, locked so that the *recipient* alone opens it. Raises `Refused` for a key that everyone could open."""
    try:
        locked = content.sealed_by(lambda secret: _SUITE.encrypt(secret, recipient.raw, _info(recipient.id)))
    except ValueError as error:  # a point of small order: RFC 7748, section 6.1, and RFC 9180, section 7.1.4
        raise Refused(f"the public key {recipient.id} keeps nothing secret, so nothing is encrypted to it; {_MAKE}") from error
    return RecipientLock(recipient=recipient.id, locked=locked.hex())


def opened_by(locks: Iterable[RecipientLock], identity: Identity) -> ContentKey | None:
    """The content key in that of *locks* which is for *identity*; nothing if none is. Raises `Refused` if it was changed."""
    for lock in locks:
        if lock.recipient == identity.recipient.id:
            try:
                secret = _SUITE.decrypt(bytes.fromhex(lock.locked), identity.raw, _info(lock.recipient))
            except (InvalidTag, ValueError) as error:
                raise Refused(f"the lock of the backup for {lock.recipient} was changed, so it does not open") from error
            if len(secret) != KEY_BYTES:
                raise Refused(f"the lock of the backup for {lock.recipient} holds no key of ArcOps, so it is not used")
            return ContentKey(secret)
    return None


def _recipient(raw: X25519PublicKey) -> Recipient:
    return Recipient(id=key_id(raw), raw=raw)


def _info(recipient: str) -> bytes:
    return _INFO + recipient.encode()
