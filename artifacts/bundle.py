"""The sealed artifact: an in-toto statement in a DSSE envelope, carried in a Sigstore bundle v0.3.

Reading is strict: a field that the format does not have is refused, because its content was not checked. A bare DSSE
envelope is read as well. The signed bytes are kept as they are and never re-encoded. Nothing here opens a socket.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from arcops.errors import Broken, Refused
from arcops.late_dataclass import dataclass
from arcops.result import Report
from artifacts.envelope import IN_TOTO, Envelope, pae, parse_envelope, strict_json
from artifacts.public_key import PublicKey
from artifacts.statement import STATEMENT, from_statement, to_statement

if TYPE_CHECKING:  # verifying needs no signing key
    from artifacts.private_key import Signer

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MOST_BYTES = 64 * 1024 * 1024
MOST_SIGNATURES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A statement whose signature was verified. ``signers`` are the ids of the given keys that signed it.

    ``statement`` holds the signed bytes exactly as they were signed.
    """

    statement: bytes
    predicate_type: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A readiness report whose signature was verified."""

    report: Report
    signers: tuple[str, ...]
    statement: bytes

    def expired(self, at: datetime) -> bool:
        """Is the report out of date at the moment *at*?"""
        return at > self.report.valid_until


def seal(report: Report, signer: Signer) -> bytes:
    """*report*, signed: the bytes of the artifact file."""
    return seal_statement(to_statement(report), signer)


def seal_statement(statement: bytes, signer: Signer, *, hint: str = "") -> bytes:
    """The in-toto *statement*, signed. *hint* names the key for other tools; ArcOps uses the key's id.

    Raises `Broken` if the signer's signature does not verify with the signer's own public key.
    """
    signed = pae(IN_TOTO, statement)
    signature = signer.sign(signed)
    if not signer.public.verifies(signed, signature):
        raise Broken(f"the signer {signer.public.id} made a signature that its own public key does not verify")
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint or signer.public.id}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": "",
            "payloadType": IN_TOTO,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": signer.public.id}],
        },
    }
    # The payload is put in as it is: JSON escapes nothing in base64, and looking for that in 10 MB takes longer than the rest.
    before, empty, after = json.dumps(bundle, indent=1).encode().partition(b'"payload": "')
    data = b"".join((before, empty, base64.b64encode(statement), after))
    if len(data) > MOST_BYTES:
        raise Refused(f"the artifact would have {len(data)} bytes; readers accept at most {MOST_BYTES}")
    return data


def open_sealed(data: bytes, keys: Sequence[PublicKey]) -> Sealed:
    """The readiness report sealed in *data*, signed by at least one of *keys*.

    Raises `Refused`, in one sentence, on anything else: another format, no trusted signature, a report that contradicts
    itself. The caller asks whether it has expired: `Sealed.expired`.
    """
    opened = open_statement(data, keys)
    return Sealed(report=from_statement(opened.statement), signers=opened.signers, statement=opened.statement)


def open_statement(data: bytes, keys: Sequence[PublicKey]) -> Opened:
    """The in-toto statement sealed in *data*, signed by at least one of *keys*; its predicate is not read.

    Raises `Refused` as `open_sealed` does.
    """
    envelope = read_envelope(data)
    if envelope.payload_type != IN_TOTO:
        raise Refused(f"the artifact holds {envelope.payload_type[:100]!r}, not an in-toto statement ({IN_TOTO})")
    signers = verified_by(envelope, keys)
    if not signers:
        raise Refused(_unverified(envelope, keys))
    return opened_by(envelope, signers)


def opened_by(envelope: Envelope, signers: tuple[str, ...]) -> Opened:
    """The in-toto statement in *envelope*, whose signatures by *signers* were verified. Raises `Refused` if it is not one."""
    document = strict_json(envelope.payload, "the statement")
    if not isinstance(document, dict) or document.get("_type") != STATEMENT:
        raise Refused(f"the signed payload is not an in-toto Statement v1 ({STATEMENT})")
    kind = document.get("predicateType")
    if not isinstance(kind, str) or not kind:
        raise Refused("the signed statement has no predicateType")
    return Opened(statement=envelope.payload, predicate_type=kind, signers=signers)


def verified_by(envelope: Envelope, keys: Iterable[PublicKey]) -> tuple[str, ...]:
    """The ids of the *keys* that signed *envelope*, sorted. A key id in the envelope is a hint and decides nothing."""
    signed = envelope.pae
    return tuple(
        sorted({key.id for key in keys if any(key.verifies(signed, signature.signature) for signature in envelope.signatures)})
    )


def _unverified(envelope: Envelope, keys: Sequence[PublicKey]) -> str:
    if not keys:
        return "no public key was given, so no signature can be verified; pass the signer's key"
    hint = f"the artifact names {envelope.signatures[0].keyid[:100] or 'no key'} as its signer"
    return f"no given key ({', '.join(key.id for key in keys[:3])}) verifies this artifact; {hint}"


def read_envelope(data: bytes) -> Envelope:
    """The DSSE envelope in *data*, a Sigstore bundle with a public key or a bare envelope; nothing is verified yet.

    Raises `Refused` on anything else.
    """
    if len(data) > MOST_BYTES:
        raise Refused(f"the artifact has {len(data)} bytes; at most {MOST_BYTES} are read")
    if not data.strip():
        raise Refused("the artifact is empty")
    document = _object(strict_json(data, "the artifact"), "the artifact")
    if "mediaType" in document:
        document = _from_bundle(document)
    elif "payloadType" not in document:
        raise Refused("the artifact is neither a Sigstore bundle (no mediaType) nor a DSSE envelope (no payloadType)")
    _only(document, {"payload", "payloadType", "signatures"}, "the envelope")
    signatures = document["signatures"]
    if isinstance(signatures, list):
        if len(signatures) > MOST_SIGNATURES:
            raise Refused(f"the envelope has {len(signatures)} signatures; at most {MOST_SIGNATURES} are read")
        for signature in signatures:
            _only(_object(signature, "the envelope's signature"), {"sig"}, "the envelope's signature", {"keyid"})
    return parse_envelope(document)


def _from_bundle(bundle: dict[str, object]) -> dict[str, object]:
    if bundle["mediaType"] != MEDIA_TYPE:
        raise Refused(f"the bundle has the media type {str(bundle['mediaType'])[:100]!r}; only {MEDIA_TYPE} is read")
    _only(bundle, {"mediaType", "verificationMaterial", "dsseEnvelope"}, "the bundle")
    material = _object(bundle["verificationMaterial"], "the bundle's verificationMaterial")
    _only(material, {"publicKey"}, "the bundle's verificationMaterial", {"tlogEntries"})
    if material.get("tlogEntries", []) != []:
        raise Refused("the bundle has transparency log entries, which a check with a public key does not read")
    _only(_object(material["publicKey"], "the bundle's publicKey"), set(), "the bundle's publicKey", {"hint"})
    return _object(bundle["dsseEnvelope"], "the bundle's dsseEnvelope")


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused(f"{what} is not a JSON object")
    return cast(dict[str, object], value)


def _only(value: dict[str, object], required: set[str], what: str, optional: set[str] | None = None) -> None:
    absent, extra = required - value.keys(), value.keys() - required - (optional or set())
    if absent:
        raise Refused(f"{what} has no {min(absent)!r}")
    if extra:
        raise Refused(f"{what} has a field {min(extra)[:80]!r}, which its format does not have")
