"""Private keys that sign: made here, kept in an encrypted file, or used in the token or service that holds them.

File format: PEM, PKCS #8 EncryptedPrivateKeyInfo (RFC 5958, RFC 8018), which OpenSSL and other tools read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from arcops.errors import Refused, Unavailable
from arcops.late_dataclass import dataclass
from artifacts.private_folder import refuse_if_read_by_others
from artifacts.public_key import PublicKey, public_key
from artifacts.writing import write_new

PassphraseSource = Callable[[str], str]
"""Called with a readable name of a secret (``passphrase of arcops.key``, ``pin of hsm:2``); returns the secret."""

MOST_KEY_BYTES = 64 * 1024


class Signer(Protocol):
    """A key that signs: in memory, in a token, or in a cloud service."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, data: bytes) -> bytes:
        """The signature over *data*, in the form that ``public`` verifies. Raises `Unavailable` if it cannot sign."""
        ...


class Algorithm(Enum):
    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A signing key in memory: Ed25519, or ECDSA on P-256 with SHA-256 (DER signatures)."""

    public: PublicKey
    raw: Ed25519PrivateKey | ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.id})"

    def sign(self, data: bytes) -> bytes:
        match self.raw:
            case Ed25519PrivateKey():
                return self.raw.sign(data)
            case ec.EllipticCurvePrivateKey():
                return self.raw.sign(data, ec.ECDSA(hashes.SHA256()))


def create(algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
    """A new key from the system's randomness."""
    raw = Ed25519PrivateKey.generate() if algorithm is Algorithm.ED25519 else ec.generate_private_key(ec.SECP256R1())
    return _private_key(raw, where="the new key")


def save(key: PrivateKey, path: Path, passphrase: str) -> None:
    """Write *key*, encrypted, to the new file *path* with mode 0600.

    The file appears whole or not at all. Raises `Refused` if *path* exists or *passphrase* is empty, `Unavailable` if
    it cannot be written.
    """
    if not passphrase:
        raise Refused(f"no passphrase was given for the key {path}; a private key file is always encrypted")
    pem = key.raw.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(_encoded(passphrase, str(path))),
    )
    write_new(path, pem, mode=0o600)


def save_public(key: PublicKey, path: Path) -> None:
    """Write *key* as PEM to the new file *path*. Raises as `save` does."""
    write_new(path, key.pem, mode=0o644)


def load_signer(
    uri: str,
    passphrase: PassphraseSource,
    *,
    environment: Mapping[str, str] | None = None,
    public: PublicKey | None = None,
    pem: str | None = None,
) -> Signer:
    """The signer that *uri* names.

    A path or ``file:PATH``; ``env:NAME`` (the PEM text in *environment*); or a token or service: ``pkcs11:…`` (RFC 7512),
    ``hsm:…``, ``awskms:…``, ``gcpkms:…``, ``azurekms:…``, ``hv:…`` as securesystemslib understands them. *public* is the
    public key, which the services need to know. *pem* is the text of the key, if it lies elsewhere and *uri* is only its name
    in sentences. Raises `Refused` for wrong input and for a file that others can read,
    `Unavailable` if nothing answers.
    """
    scheme, colon, rest = uri.partition(":")
    if pem is not None:
        return _checked(_from_pem(pem.encode(), passphrase, where=uri), public, uri)
    if colon and scheme in REMOTE:
        from artifacts.remote_key import load_remote  # it imports securesystemslib, which only such keys need

        return load_remote(uri, passphrase, public)
    if colon and scheme == "env":
        pem = (environment or {}).get(rest)
        if not pem:
            raise Refused(f"the environment variable {rest!r}, which should hold the signing key, is not set")
        return _checked(_from_pem(pem.encode(), passphrase, where=uri), public, uri)
    if colon and scheme.isalnum() and len(scheme) > 1 and scheme != "file" and not Path(uri).exists():
        raise Refused(f"the key {uri!r} is not understood; use a path, 'env:NAME' or one of {', '.join(sorted(REMOTE))}")
    path = Path(rest.removeprefix("//") if scheme == "file" and colon else uri)
    return _checked(_from_pem(_read(path), passphrase, where=str(path)), public, uri)


REMOTE = frozenset({"pkcs11", "hsm", "awskms", "gcpkms", "azurekms", "hv"})


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise Refused(f"the key file {path} does not exist; make one with 'arcops keys new'") from error
    except OSError as error:
        raise Unavailable(f"the key file {path} cannot be opened: {error.strerror}") from error
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        os.close(descriptor)
        raise Refused(f"the key {path} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        refuse_if_read_by_others(path, descriptor)
        try:
            data = file.read(MOST_KEY_BYTES + 1)
        except OSError as error:
            raise Unavailable(f"the key file {path} cannot be read: {error.strerror}") from error
    if len(data) > MOST_KEY_BYTES:
        raise Refused(f"{path} is larger than {MOST_KEY_BYTES} bytes, so it is not a key")
    return data


def _encoded(passphrase: str, where: str) -> bytes:
    try:
        return passphrase.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused(f"the passphrase given for {where} is not text in UTF-8") from error


def _from_pem(pem: bytes, passphrase: PassphraseSource, *, where: str) -> PrivateKey:
    secret = _encoded(passphrase(f"passphrase of {where}"), where) if b"ENCRYPTED" in pem else None
    try:
        raw = serialization.load_pem_private_key(pem, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if secret is not None:
            raise Refused(f"the key in {where} cannot be decrypted: the passphrase is wrong or the file is damaged") from error
        raise Refused(f"{where} is not a private key in PEM") from error
    return _private_key(raw, where=where)


def _private_key(raw: object, *, where: str) -> PrivateKey:
    match raw:
        case Ed25519PrivateKey():
            return PrivateKey(public=public_key(raw.public_key(), where=where), raw=raw)
        case ec.EllipticCurvePrivateKey() if raw.curve.name == "secp256r1":
            return PrivateKey(public=public_key(raw.public_key(), where=where), raw=raw)
        case _:
            raise Refused(f"{where}: a {type(raw).__name__} cannot sign here; use Ed25519 or ECDSA on P-256")


def _checked(key: PrivateKey, public: PublicKey | None, uri: str) -> PrivateKey:
    if public is not None and public.id != key.public.id:
        raise Refused(f"the key {uri} has the id {key.public.id}, not the expected {public.id}")
    return key
