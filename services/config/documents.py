"""The artifact as clients get it: the payload, what is said of it, its signatures, its place in the log, and how to verify
all of it.

Once released, a document never changes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from amend.client.family import Form
from arcops.errors import Refused
from artifacts.client_release import ClientRelease
from artifacts.envelope import parse_envelope
from artifacts.log.checkpoint import claimed
from artifacts.log.merkle import leaf_hash
from artifacts.log.proven import Proven
from artifacts.typed import moment

BASE = "/conf/v1"
MEDIA = {
    Form.JSON: "application/json",
    Form.JSONC: "application/json",
    Form.TOML: "application/toml",
    Form.YAML: "application/yaml",
}
ALGORITHMS = {"ed25519": "Ed25519", "ecdsa": "ECDSA-SHA256"}
VERIFY: tuple[Mapping[str, str], ...] = (
    {
        "check": "payload-hash",
        "algorithm": "sha-256",
        "input": "payload as UTF-8 bytes",
        "equals": "artifactId after 'sha256:'",
    },
    {
        "check": "signature",
        "format": "DSSE 1.0 (github.com/secure-systems-lab/dsse): the signature is over 'DSSEv1' SP LEN(payloadType) SP "
        "payloadType SP "
        "LEN(payload) SP payload, with the payload of release.envelope decoded from base64",
        "input": "release.envelope",
        "keys": f"{BASE}/keys, or better those that your organisation gave you",
        "algorithm": "signature.alg; the algorithm belongs to the key",
    },
    {
        "check": "subject",
        "input": "the envelope's payload, an in-toto Statement v1",
        "equals": "subject[0].digest.sha256 is artifactId",
    },
    {
        "check": "fields",
        "input": "predicate of the statement",
        "equals": "client, profile, schema, artifact, version, issuedAt, validUntil, policySet, changelog are those of this "
        "document",
    },
    {"check": "roles", "input": "the keys that verify", "equals": "one is predicate.publisher; enough others are approvers"},
    {
        "check": "log",
        "format": "RFC 6962: the leaf is SHA-256(0x00 || line); fold it with the path to the root in the checkpoint, whose "
        "note is "
        "signed (C2SP tlog-checkpoint)",
        "input": "release.log",
        "equals": "the line's artifact is release.record, which is the SHA-256 of the envelope's bytes (base64 in "
        "release.sealed)",
    },
    {"check": "schema", "input": "payload", "equals": f"valid by the JSON Schema at {BASE}/schemas/CLIENT/VERSION"},
    {"check": "time", "input": "validUntil", "equals": "not before now; later keep what you have, and take nothing new"},
)


def document(
    release: ClientRelease,
    payload: str,
    sealed: bytes,
    approvers: tuple[str, ...],
    proven: Proven,
    position: int,
    note: bytes,
    *,
    form: Form,
) -> str:
    """The JSON of the artifact, from its release record and the proof that the log has it."""
    envelope = parse_envelope(sealed)
    signature = next(one for one in envelope.signatures if one.keyid == release.publisher)
    said = claimed(note)
    return json.dumps(
        {
            "artifactId": release.artifact,
            "clientId": release.client,
            "profile": release.profile,
            "payload": payload,
            "mediaType": MEDIA[form],
            "schemaRef": release.schema,
            "version": release.version,
            "issuedAt": moment(release.issued_at),
            "validUntil": moment(release.valid_until),
            "policySetId": release.policy_set,
            "policyDigest": release.policy_digest,
            "changelog": release.changelog,
            "inputs": list(release.inputs),
            "signature": {
                "alg": _algorithm(signature.signature),
                "value": base64.b64encode(signature.signature).decode(),
                "keyId": release.publisher,
            },
            "provenance": {
                "publisherId": release.publisher,
                "toolingVersion": release.tooling,
                "draftDigest": release.draft_digest,
                "approvers": list(approvers),
            },
            "release": {
                "record": f"sha256:{hashlib.sha256(sealed).hexdigest()}",
                "kind": release.kind.value,
                "reason": release.reason,
                "percent": release.percent,
                "salt": release.salt,
                "supersedes": release.supersedes,
                "sealed": base64.b64encode(sealed).decode(),
                "envelope": json.loads(sealed),
                "log": {
                    "origin": said.origin,
                    "position": position,
                    "size": said.size,
                    "leaf": leaf_hash(proven.line).hex(),
                    "line": base64.b64encode(proven.line).decode(),
                    "path": [one.hex() for one in proven.path],
                    "checkpoint": note.decode(),
                },
            },
            "auditLogUri": f"{BASE}/audit?artifact={release.artifact}",
            "verification": {"version": 1, "steps": list(VERIFY), "instructions": f"{BASE}/verification"},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _algorithm(signature: bytes) -> str:
    """By the signature's form: Ed25519 has 64 bytes, and ECDSA is DER, which begins with 0x30 and is longer."""
    return ALGORITHMS["ed25519"] if len(signature) == 64 else ALGORITHMS["ecdsa"]


def read_document(data: bytes | str) -> dict[str, Any]:
    """A document, parsed; only its form is looked at. Raises `Refused` if it is no document."""
    from artifacts.envelope import strict_json

    value = strict_json(data if isinstance(data, bytes) else data.encode(), "the artifact")
    if not isinstance(value, dict) or not isinstance(value.get("release"), dict) or not isinstance(value.get("payload"), str):
        raise Refused("this is not an artifact of a configuration service")
    return value
