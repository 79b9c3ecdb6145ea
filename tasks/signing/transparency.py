"""Transparency log entries: was exactly this signature logged, by a log that the operator trusts, and when?

Merkle inclusion is RFC 6962 section 2.1.1; checkpoints are C2SP ``tlog-checkpoint`` and ``signed-note``; the signed entry
timestamp and the entry kinds are Rekor's (``hashedrekord``, ``dsse`` and ``intoto`` of version 1, ``hashedrekord`` and ``dsse``
of version 2).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from arcops.errors import Refused
from artifacts.envelope import Envelope, strict_base64, strict_json
from artifacts.public_key import PublicKey, load_public_key
from artifacts.wire import canonical
from tasks.signing.blob import Blob
from tasks.signing.certificates import der
from tasks.signing.proto_json import HASHES, Message, field, from_base64, inner, many, message, name_of, octets, text, whole
from tasks.signing.trusted_root import LogKey

_LONGEST_PROOF = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry as in a bundle. ``integrated`` is the log's claim and counts only if ``promise`` verifies."""

    log_id: bytes
    index: int
    kind: str
    version: str
    integrated: datetime | None
    promise: bytes
    proof_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What an entry must repeat: the signature, the signed content, and the certificate or key that verifies it."""

    signature: bytes
    verifier: x509.Certificate | PublicKey
    blob: Blob
    envelope: Envelope | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSignature:
    """A verified entry: the log's key, and the time that the log signed, if it signed one."""

    log: LogKey
    at: datetime | None


def verify_entry(entry: LogEntry, signed: Signed, logs: Iterable[LogKey]) -> LoggedSignature:
    """Verify that a trusted log holds *entry* and that it is about *signed*. Raises `Refused` with the reason if not.

    The caller, who knows all trusted times, checks that the log's window holds them.
    """
    fitting = [log for log in logs if log.id == entry.log_id]
    if not fitting:
        raise Refused(f"its log entry is from log {entry.log_id.hex()}, which is not in a trusted root; add its root to roots/")
    if _root_of(entry) != entry.root_hash:
        raise Refused(
            "its log entry's inclusion proof does not lead to the tree's root, so it is not proven that the log holds the entry"
        )
    log = next((log for log in fitting if _checkpoint_holds(entry, log)), None)
    if log is None:
        raise Refused("its log entry's checkpoint is not signed by the log that it names, for the tree of the inclusion proof")
    _refuse_other_body(entry, signed)
    return LoggedSignature(log=log, at=_promised(entry, log))


def parse_entry(value: object) -> LogEntry:
    """A ``TransparencyLogEntry`` (protobuf-specs ``sigstore_rekor.proto``) from its JSON. Raises `Refused` if it is not one.

    Every version must have an inclusion proof and a checkpoint: a promise alone does not prove that the entry is in the log.
    """
    entry = message(value, "its log entry")
    kind = inner(entry, "kindVersion", "its log entry's kind")
    if not field(entry, "inclusionProof", "its log entry"):
        raise Refused("its log entry has no inclusion proof, and an offline check cannot fetch one; sign again")
    proof = inner(entry, "inclusionProof", "its inclusion proof")
    checkpoint = text(inner(proof, "checkpoint", "its checkpoint"), "envelope", "its checkpoint")
    if not checkpoint:
        raise Refused("its inclusion proof has no signed checkpoint, so the tree is not proven")
    hashes = many(proof, "hashes", "its inclusion proof's hashes")
    if len(hashes) > _LONGEST_PROOF:
        raise Refused("its inclusion proof has no plausible list of hashes")
    promise = inner(entry, "inclusionPromise", "its inclusion promise")
    integrated = whole(entry, "integratedTime", "its log entry's time")
    return LogEntry(
        log_id=octets(inner(entry, "logId", "its log entry's log"), "keyId", "its log entry's log id"),
        index=whole(entry, "logIndex", "its log entry's index"),
        kind=text(kind, "kind", "its log entry's kind"),
        version=text(kind, "version", "its log entry's version"),
        integrated=_time(integrated) if integrated else None,
        promise=octets(promise, "signedEntryTimestamp", "its inclusion promise"),
        proof_index=whole(proof, "logIndex", "its inclusion proof's index"),
        tree_size=whole(proof, "treeSize", "its inclusion proof's tree size"),
        root_hash=octets(proof, "rootHash", "its inclusion proof's root"),
        hashes=tuple(from_base64(value, "its inclusion proof's hash") for value in hashes),
        checkpoint=checkpoint,
        body=octets(entry, "canonicalizedBody", "its log entry's body"),
    )


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused(f"{what} is not a JSON object")
    return value


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(f"its log entry's time {seconds} is not a time") from error


def _root_of(entry: LogEntry) -> bytes:
    """The root that the proof computes (RFC 9162, section 2.1.3.2)."""
    if not entry.proof_index < entry.tree_size:
        raise Refused("its inclusion proof is for an index outside its tree")
    node, last = entry.proof_index, entry.tree_size - 1
    value = hashlib.sha256(b"\x00" + entry.body).digest()
    for sibling in entry.hashes:
        if last == 0:
            raise Refused("its inclusion proof is longer than the height of its tree")
        if node & 1 or node == last:
            value = hashlib.sha256(b"\x01" + sibling + value).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + sibling).digest()
        node, last = node >> 1, last >> 1
    if last:
        raise Refused("its inclusion proof is shorter than the height of its tree")
    return value


def _checkpoint_holds(entry: LogEntry, log: LogKey) -> bool:
    note, gap, signatures = entry.checkpoint.partition("\n\n")
    lines = note.split("\n")
    if not gap or len(lines) < 3:
        return False
    if lines[1] != str(entry.tree_size) or lines[2] != base64.b64encode(entry.root_hash).decode():
        return False
    for line in signatures.splitlines():
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014":
            continue
        blob = strict_base64(parts[2], "its checkpoint's signature")
        if blob[:4] == log.id[:4] and log.key.verifies(note.encode() + b"\n", blob[4:]):
            return True
    return False


def _promised(entry: LogEntry, log: LogKey) -> datetime | None:
    if not entry.promise:
        return None
    if entry.integrated is None:
        raise Refused("its log entry has a promise of inclusion without a time")
    signed = canonical(
        {
            "body": base64.b64encode(entry.body).decode(),
            "integratedTime": int(entry.integrated.timestamp()),
            "logID": entry.log_id.hex(),
            "logIndex": entry.index,
        }
    )
    if not log.key.verifies(signed, entry.promise):
        raise Refused("its log entry's promise of inclusion is not signed by the log")
    return entry.integrated


def _refuse_other_body(entry: LogEntry, signed: Signed) -> None:
    document = _object(strict_json(entry.body, "its log entry's body"), "its log entry's body")
    if (document.get("kind"), document.get("apiVersion")) != (entry.kind, entry.version):
        raise Refused("its log entry's body is of another kind than the entry says")
    spec = _object(document.get("spec"), "its log entry's body")
    match (entry.kind, entry.version):
        case ("hashedrekord", "0.0.1") if signed.envelope is None:
            _hashedrekord_1(spec, signed)
        case ("dsse", "0.0.1") if signed.envelope is not None:
            _dsse_1(spec, signed, signed.envelope)
        case ("intoto", "0.0.1" | "0.0.2") if signed.envelope is not None:
            _intoto(spec, signed, signed.envelope)
        case ("hashedrekord", "0.0.2"):
            _hashedrekord_2(inner(spec, "hashedRekordV002", "its log entry's body"), signed)
        case ("dsse", "0.0.2") if signed.envelope is not None:
            _dsse_2(inner(spec, "dsseV002", "its log entry's body"), signed, signed.envelope)
        case _:
            raise Refused(
                f"its log entry is of kind {entry.kind} {entry.version}, which ArcOps cannot compare with this signature"
            )


def _agree(same: bool, what: str) -> None:
    if not same:
        raise Refused(f"its log entry is about another {what} than the bundle's")


def _hashedrekord_1(spec: dict[str, object], signed: Signed) -> None:
    digest = _object(_object(spec.get("data"), "the entry's data").get("hash"), "the entry's hash")
    signature = _object(spec.get("signature"), "the entry's signature")
    key = _object(signature.get("publicKey"), "the entry's key")
    _agree(digest.get("value") == signed.blob.digest(str(digest.get("algorithm"))).hex(), "artifact")
    _agree(strict_base64(signature.get("content"), "the entry's signature") == signed.signature, "signature")
    _agree(_same_pem(strict_base64(key.get("content"), "the entry's key"), signed.verifier), "signer")


def _dsse_1(spec: dict[str, object], signed: Signed, envelope: Envelope) -> None:
    digest = _object(spec.get("payloadHash"), "the entry's payload hash")
    _agree(digest.get("algorithm") == "sha256", "kind of payload hash")
    _agree(digest.get("value") == hashlib.sha256(envelope.payload).hexdigest(), "payload")
    signature = _only(spec.get("signatures"))
    _agree(strict_base64(signature.get("signature"), "the entry's signature") == signed.signature, "signature")
    _agree(_same_pem(strict_base64(signature.get("verifier"), "the entry's key"), signed.verifier), "signer")


def _intoto(spec: dict[str, object], signed: Signed, envelope: Envelope) -> None:
    content = _object(spec.get("content"), "the entry's content")
    digest = _object(content.get("payloadHash"), "the entry's payload hash")
    _agree(digest.get("algorithm") == "sha256", "kind of payload hash")
    _agree(digest.get("value") == hashlib.sha256(envelope.payload).hexdigest(), "payload")
    if "envelope" not in content:
        # Version 0.0.1 holds no signature. The entry still shows that this signer had signed this payload at that time.
        _agree(_same_pem(strict_base64(spec.get("publicKey"), "the entry's key"), signed.verifier), "signer")
        return
    logged = _object(content["envelope"], "the entry's envelope")
    _agree(logged.get("payloadType") == envelope.payload_type, "payload type")
    signature = _only(logged.get("signatures"))
    # Rekor encodes the base64 values of the envelope a second time.
    twice = strict_base64(signature.get("sig"), "the entry's signature")
    _agree(twice in (signed.signature, base64.b64encode(signed.signature)), "signature")
    _agree(_same_pem(strict_base64(signature.get("publicKey"), "the entry's key"), signed.verifier), "signer")


def _hashedrekord_2(spec: Message, signed: Signed) -> None:
    _agree(_same_hash(inner(spec, "data", "the entry's data"), signed.blob), "artifact")
    _agree(_same_signature(inner(spec, "signature", "the entry's signature"), signed), "signature")


def _dsse_2(spec: Message, signed: Signed, envelope: Envelope) -> None:
    _agree(_same_hash(inner(spec, "payloadHash", "the entry's payload hash"), Blob.of(envelope.payload)), "payload")
    _agree(_same_signature(_only(field(spec, "signatures", "the entry")), signed), "signature")


def _only(values: object) -> dict[str, object]:
    if not isinstance(values, list) or len(values) != 1:
        raise Refused("its log entry does not hold exactly one signature")
    return _object(values[0], "the entry's signature")


def _same_hash(digest: Message, blob: Blob) -> bool:
    stated = name_of(digest, "algorithm", HASHES, "the entry's kind of digest")
    algorithm = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}.get(stated)
    if algorithm is None:
        raise Refused(f"its log entry uses the digest {stated!r}, which is not supported")
    return octets(digest, "digest", "the entry's digest") == blob.digest(algorithm)


def _same_signature(signature: Message, signed: Signed) -> bool:
    verifier = inner(signature, "verifier", "the entry's verifier")
    if octets(signature, "content", "the entry's signature") != signed.signature:
        return False
    if isinstance(signed.verifier, PublicKey):
        raw = octets(inner(verifier, "publicKey", "the entry's key"), "rawBytes", "the entry's key")
        return load_public_key(raw, where="the log entry's key").id == signed.verifier.id
    certificate = inner(verifier, "x509Certificate", "the entry's certificate")
    return octets(certificate, "rawBytes", "the entry's certificate") == der(signed.verifier)


def _same_pem(pem: bytes, verifier: x509.Certificate | PublicKey) -> bool:
    if isinstance(verifier, PublicKey):
        return load_public_key(pem, where="the log entry's key").id == verifier.id
    try:
        return der(x509.load_pem_x509_certificate(pem)) == der(verifier)
    except ValueError:
        return False
