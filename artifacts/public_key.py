"""Public keys: read once, named by content, and used to verify.

A key's id is ``sha256:`` and the hex SHA-256 of its DER SubjectPublicKeyInfo (RFC 5280, section 4.1). The algorithm belongs
to the key and never to the message, so no message can choose a weaker one.
"""

from __future__ import annotations

import hashlib
from dataclasses import field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from artifacts.weak_keys import LEAST_RSA_BITS, weak_edwards, weak_rsa

Raw = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A verification key. Ed25519; ECDSA on P-256, P-384 or P-521 with the curve's own hash; RSA of 2048 bits or more."""

    id: str
    raw: Raw = field(hash=False)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Is *signature* this key's signature over *data*?"""
        try:
            match self.raw:
                case Ed25519PublicKey():
                    self.raw.verify(signature, data)
                case ec.EllipticCurvePublicKey():
                    self.raw.verify(signature, data, ec.ECDSA(_CURVE_HASHES[self.raw.curve.name]))
                case rsa.RSAPublicKey():
                    self.raw.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):  # what cannot be checked does not count as verified
            return False
        return True

    @property
    def pem(self) -> bytes:
        return self.raw.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(raw: Raw | X25519PublicKey) -> str:
    """The id of the key *raw*: ``sha256:…``."""
    der = raw.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def public_key(raw: object, *, where: str) -> PublicKey:
    """*raw*, a key of the cryptography library, as a `PublicKey`. Raises `Refused` for kinds and sizes that are too weak."""
    if weak := _weak(raw, thorough=False):
        raise Refused(f"{where}: {weak}; make a new one with 'arcops keys new'")
    match raw:
        case ec.EllipticCurvePublicKey() if raw.curve.name not in _CURVE_HASHES:
            raise Refused(f"{where}: curve {raw.curve.name} is not supported; use P-256, P-384, P-521 or Ed25519")
        case rsa.RSAPublicKey() if raw.key_size < 2048:
            raise Refused(
                f"{where}: an RSA key of {raw.key_size} bits is too short; use Ed25519, P-256 or RSA of 2048 bits or more"
            )
        case Ed25519PublicKey() | ec.EllipticCurvePublicKey() | rsa.RSAPublicKey():
            return PublicKey(id=key_id(raw), raw=raw)
        case _:
            raise Refused(f"{where}: a {type(raw).__name__} cannot verify signatures here; use Ed25519, P-256 or RSA")


def refuse_everyones(key: PublicKey, *, where: str) -> None:
    """Raise `Refused` if anyone can find the private half of *key*. It takes some milliseconds: do it when a key is first
    trusted.
    """
    if weak := _weak(key.raw, thorough=True):
        raise Refused(f"{where}: {weak}; make a new one with 'arcops keys new'")


def _weak(raw: object, *, thorough: bool) -> str:
    """What is weak about *raw*; that an RSA key is too short is said elsewhere."""
    if isinstance(raw, Ed25519PublicKey):
        return weak_edwards("Ed25519", raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
    if isinstance(raw, rsa.RSAPublicKey) and raw.key_size >= LEAST_RSA_BITS:
        numbers = raw.public_numbers()
        return weak_rsa(numbers.n, numbers.e, thorough=thorough)
    return ""


def load_public_key(data: bytes, *, where: str) -> PublicKey:
    """A public key from PEM or DER SubjectPublicKeyInfo. ``where`` names the file in errors."""
    try:
        raw: object = (
            serialization.load_pem_public_key(data)
            if data.lstrip().startswith(b"-----BEGIN")
            else serialization.load_der_public_key(data)
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(f"{where} is not a public key in PEM or DER: {error}") from error
    return public_key(raw, where=where)
