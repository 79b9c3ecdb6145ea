"""Follow an artifact's own verification instructions, step by step. It shares no code with the service's applier."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from artifacts.public_key import PublicKey
from services.config.kit.asking import Failed, sha256

STEPS = ("payload-hash", "signature", "subject", "fields", "log", "schema", "time")
"""What instructions must name, whatever else they name."""
FIELDS = {
    "client": "clientId",
    "profile": "profile",
    "schema": "schemaRef",
    "artifact": "artifactId",
    "version": "version",
    "issuedAt": "issuedAt",
    "policySet": "policySetId",
    "changelog": "changelog",
}


def follow(said: dict[str, Any], keys: Sequence[PublicKey], *, client: str, profile: str, now: datetime) -> str:
    """Verify the artifact *said* for *client* in *profile*; the id of the key that signed it. Raises `Failed` at a fault."""
    payload, artifact = said.get("payload"), said.get("artifactId")
    if not isinstance(payload, str) or sha256(payload.encode()) != artifact:
        raise Failed("the artifact id is not the SHA-256 of the payload")
    statement, signers = _signed(said, keys)
    signature = said.get("signature") or {}
    if signature.get("keyId") not in signers:
        raise Failed("the key that the artifact names did not sign it")
    release = said["release"]
    if signature.get("value") not in [one.get("sig") for one in release["envelope"]["signatures"]]:
        raise Failed("the signature beside the payload is not the one in the envelope")
    subjects = statement.get("subject") or [{}]
    if f"sha256:{(subjects[0].get('digest') or {}).get('sha256')}" != artifact:
        raise Failed("what was signed is another payload")
    predicate = statement.get("predicate") or {}
    for name, shown in FIELDS.items():
        if predicate.get(name) != said.get(shown):
            raise Failed(f"{shown} is not what was signed")
    if (said.get("clientId"), said.get("profile")) != (client, profile):
        raise Failed("the artifact is for another client or profile")
    _logged(release, keys)
    until = said.get("validUntil")
    if not isinstance(until, str) or predicate.get("validUntil") != until or _moment(until) <= now:
        raise Failed("its time is over, or is not signed")
    return str(signature["keyId"])


def _signed(said: dict[str, Any], keys: Sequence[PublicKey]) -> tuple[dict[str, Any], set[str]]:
    try:
        release = said["release"]
        sealed = base64.b64decode(release["sealed"], validate=True)
        envelope = release["envelope"]
        if json.loads(sealed) != envelope:
            raise Failed("the sealed bytes are another envelope")
        if sha256(sealed) != release["record"]:
            raise Failed("the record is not the SHA-256 of the sealed bytes")
        body = base64.b64decode(envelope["payload"], validate=True)
        kind = str(envelope["payloadType"]).encode()
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
        signers = {
            key.id
            for key in keys
            for one in envelope["signatures"]
            if key.verifies(signed, base64.b64decode(one["sig"], validate=True))
        }
        statement = json.loads(body)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Failed(f"the signed envelope cannot be read ({type(error).__name__})") from None
    if not signers:
        raise Failed("no key verifies the signature")
    return statement, signers


def _logged(release: dict[str, Any], keys: Sequence[PublicKey]) -> None:
    """RFC 6962: from the leaf along the path to the root that the checkpoint signs."""
    from artifacts.log.checkpoint import open_checkpoint

    try:
        log = release["log"]
        line = base64.b64decode(log["line"], validate=True)
        index, path = int(log["position"]), [bytes.fromhex(one) for one in log["path"]]
        known = open_checkpoint(str(log["checkpoint"]).encode(), list(keys))
        about = json.loads(line).get("artifact")
    except Exception as error:
        raise Failed(f"the proof of the log cannot be read ({type(error).__name__})") from None
    if about != release["record"]:
        raise Failed("the line of the log is about another record")
    if _root(hashlib.sha256(b"\0" + line).digest(), index, known.size, path) != known.root:
        raise Failed("the proof does not lead to the root of the log")


def _root(node: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    first, last = index, size - 1
    if not 0 <= index < size:
        return b""
    for one in path:
        if last == 0:
            return b""
        if first & 1 or first == last:
            node = hashlib.sha256(b"\1" + one + node).digest()
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + one).digest()
        first, last = first >> 1, last >> 1
    return node if last == 0 else b""


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Failed(f"{text!r} is no moment") from None
