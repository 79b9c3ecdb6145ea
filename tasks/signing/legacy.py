"""An old error that real signatures depend on: the pre-authentication encoding of OpenSSF Model Signing before 1.0.

That release put Python's *representation* of the payload's bytes into the signed text, under ``DSSEV1`` with a capital V, and
always hashed with SHA-256. Other payloads do not use this encoding, so it is tried only for model signing statements.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from arcops.errors import Refused
from artifacts.envelope import IN_TOTO, Envelope, strict_json
from artifacts.public_key import PublicKey

PREDICATES = ("https://model_signing/Digests/v0.1", "https://model_signing/signature/v1.0")


def legacy_signed(envelope: Envelope, key: PublicKey) -> bool:
    """Is *envelope* a model signing statement that *key* signed in the encoding of version 0.2?"""
    raw = key.raw
    if envelope.payload_type != IN_TOTO or not isinstance(raw, ec.EllipticCurvePublicKey):
        return False
    try:
        statement = strict_json(envelope.payload, "the statement")
    except Refused:
        return False
    if not isinstance(statement, dict) or statement.get("predicateType") not in PREDICATES:
        return False
    kind = envelope.payload_type
    text = f"DSSEV1 {len(kind)} {kind} {len(envelope.payload)} {envelope.payload!r}".encode()
    if any(key.verifies(text, signature.signature) for signature in envelope.signatures):
        return True
    for signature in envelope.signatures:
        try:
            raw.verify(signature.signature, text, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False
