"""Our keys and signers, as the metadata that says what is newest has them (TUF 1.0)."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tuf.api.metadata import Key, Signature  # type: ignore[attr-defined]
from tuf.api.metadata import Signer as TufSigner  # type: ignore[attr-defined]

from arcops.errors import Refused
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey


class Signing(TufSigner):
    """A signer of ours, as TUF takes it."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._key = key_of(signer.public)

    @property
    def public_key(self) -> Key:
        return self._key

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> TufSigner:
        raise NotImplementedError("a signer is given, and not loaded by a name")

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._key.keyid, self._signer.sign(payload).hex())


def key_of(public: PublicKey) -> Key:
    """A public key, in TUF's own form. Raises `Refused` for one that it cannot write."""
    named = public.id.removeprefix("sha256:")
    match public.raw:
        case Ed25519PublicKey():
            raw = public.raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            value = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw.hex()}}
        case ec.EllipticCurvePublicKey() if public.raw.curve.name == "secp256r1":
            value = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": public.pem.decode()}}
        case _:
            raise Refused(f"the key {public.id} cannot sign metadata; use Ed25519 or ECDSA on P-256")
    return Key.from_dict(named, value)
