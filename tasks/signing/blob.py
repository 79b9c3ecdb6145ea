"""A signed blob: its bytes, or only its SHA-256 if it is too large to hold in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from arcops.errors import Refused
from artifacts.public_key import PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """The signed content. ``data`` is ``None`` if only ``sha256`` (raw) is known."""

    data: bytes | None
    sha256: bytes

    @classmethod
    def of(cls, data: bytes) -> Blob:
        return cls(data=data, sha256=hashlib.sha256(data).digest())

    @classmethod
    def named(cls, sha256: str) -> Blob:
        """A blob of which only the lower-case hex SHA-256 is known."""
        try:
            raw = bytes.fromhex(sha256)
        except ValueError as error:
            raise Refused(f"{sha256!r} is not a SHA-256 in hex") from error
        if len(raw) != 32:
            raise Refused(f"{sha256!r} is not a SHA-256 in hex")
        return cls(data=None, sha256=raw)

    def digest(self, algorithm: str) -> bytes:
        """The raw digest by *algorithm* (``sha256``, ``sha384``, ``sha512``). Raises `Refused` if the bytes are missing."""
        if algorithm == "sha256":
            return self.sha256
        if algorithm not in ("sha384", "sha512"):
            raise Refused(f"the digest {algorithm!r} is not supported; use sha256")
        return hashlib.new(algorithm, self._bytes(f"a {algorithm} digest")).digest()

    def signed_by(self, key: PublicKey, signature: bytes) -> bool:
        """Is *signature* that of *key* over this blob? Raises `Refused` if *key* needs bytes that are not available."""
        if self.data is not None:
            return key.verifies(self.data, signature)
        known = utils.Prehashed(hashes.SHA256())
        try:
            match key.raw:
                case ec.EllipticCurvePublicKey() if key.raw.curve.name == "secp256r1":
                    key.raw.verify(signature, self.sha256, ec.ECDSA(known))
                case rsa.RSAPublicKey():
                    key.raw.verify(signature, self.sha256, padding.PKCS1v15(), known)
                case _:
                    return key.verifies(self._bytes("a signature by a key that is not RSA or P-256"), signature)
        except InvalidSignature:
            return False
        return True

    def _bytes(self, what: str) -> bytes:
        if self.data is None:
            raise Refused(f"{what} can be checked only with the file's bytes, but the file is too large to hold in memory")
        return self.data
