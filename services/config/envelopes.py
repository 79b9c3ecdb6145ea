"""The signatures over a release: one envelope that the publisher begins and each approver adds to. The payload never
changes.
"""

from __future__ import annotations

import base64
import json

from arcops.errors import Broken, Refused
from artifacts.envelope import IN_TOTO, Envelope, EnvelopeSignature, pae, parse_envelope
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey


def signed(statement: bytes, signer: Signer) -> EnvelopeSignature:
    """The signature of *signer* over *statement*. Raises `Broken` if its own key does not verify it."""
    data = pae(IN_TOTO, statement)
    signature = signer.sign(data)
    if not signer.public.verifies(data, signature):
        raise Broken(f"the signer {signer.public.id} made a signature that its own public key does not verify")
    return EnvelopeSignature(signature=signature, keyid=signer.public.id)


def verified(statement: bytes, signature: EnvelopeSignature, keys: tuple[PublicKey, ...]) -> EnvelopeSignature:
    """*signature* with the id of the one of *keys* that made it. Raises `Refused` if none of them did."""
    data = pae(IN_TOTO, statement)
    for key in keys:
        if key.verifies(data, signature.signature):
            return EnvelopeSignature(signature=signature.signature, keyid=key.id)
    raise Refused("no trusted key verifies this signature over the release; sign the statement that waits, with a trusted key")


def envelope(statement: bytes, signatures: tuple[EnvelopeSignature, ...]) -> bytes:
    """The envelope of *statement* with *signatures*, by key id, so that the same signatures give the same bytes."""
    ordered = sorted(signatures, key=lambda one: one.keyid)
    document = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": IN_TOTO,
        "signatures": [{"keyid": one.keyid, "sig": base64.b64encode(one.signature).decode()} for one in ordered],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def opened(data: bytes) -> Envelope:
    """The envelope in *data*; nothing is verified. Raises `Refused` if it is not one."""
    return parse_envelope(data)


def with_signature(data: bytes, one: EnvelopeSignature) -> bytes:
    """The envelope *data* with the signature *one* too; a second one of the same key changes nothing."""
    found = opened(data)
    if any(had.keyid == one.keyid for had in found.signatures):
        return data
    return envelope(found.payload, (*found.signatures, one))
