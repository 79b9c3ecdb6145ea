"""A second verifier: sigstore-python must agree if it knows the kind of log entry.

It gets what was read of the bundle and the root, written out in full, one log entry at a time: its own reader accepts only one
entry, and no field that a writer may leave out. It gets only those authorities whose windows hold the trusted times, because it
does not check these windows itself. It never uses a network: `TrustedRoot` is built from bytes, without TUF.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from arcops.errors import Refused
from artifacts.foreign import refusing
from tasks.signing.blob import Blob
from tasks.signing.bundle_reading import V3, Bundle
from tasks.signing.certificates import der
from tasks.signing.timestamps import stamps
from tasks.signing.transparency import LogEntry
from tasks.signing.trusted_root import MEDIA_TYPES, Authority, LogKey, SigstoreRoot, Validity

_KNOWN = (("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("hashedrekord", "0.0.2"))
_SHA2_256 = "SHA2_256"


class Anyone:
    """The sigstore-python policy that accepts every identity: who may sign is for the gates to judge."""

    def verify(self, cert: x509.Certificate) -> None:
        """Accept."""


def confirm(bundle: Bundle, root: SigstoreRoot, times: tuple[datetime, ...], blob: Blob) -> None:
    """Have sigstore-python verify the certificate-signed *bundle* over *blob* against *root* at *times*.

    Each entry of a trusted log is asked about, if sigstore-python knows its kind and it has a time: its own, or that of a
    timestamp. Raises `Refused` if sigstore-python refuses, and with other words if it cannot read what it was given.
    """
    trusted = {log.id for log in root.logs}
    asked = [entry for entry in bundle.entries if (entry.kind, entry.version) in _KNOWN and entry.log_id in trusted]
    stamped = stamps(bundle.tokens, bundle.signature, root.timestampers)
    asked = [entry for entry in asked if entry.promise or stamped]
    if asked:
        proven = replace(bundle, tokens=tuple({stamp.token: None for stamp in stamped}))
        named = replace(root, timestampers=tuple({stamp.authority: None for stamp in stamped}))
        _ask(proven, asked, _root(named, times), blob)


def _ask(bundle: Bundle, entries: Sequence[LogEntry], root: bytes, blob: Blob) -> None:
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle as Theirs
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier
    from sigstore_models.common.v1 import HashAlgorithm
    from sigstore_models.trustroot.v1 import TrustedRoot as Model

    try:
        with refusing("it"):
            verifier = Verifier(trusted_root=TrustedRoot(Model.from_json(root)))
            read = [Theirs.from_json(_bundle(bundle, entry)) for entry in entries]
    except Refused as error:
        raise Refused(f"the second verifier, sigstore-python, has no answer, because {error}") from error
    try:
        with refusing("it"):
            for each in read:
                if bundle.envelope is not None:
                    verifier.verify_dsse(each, Anyone())
                elif blob.data is not None:
                    verifier.verify_artifact(blob.data, each, Anyone())
                else:
                    known = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=blob.sha256)
                    verifier.verify_artifact(known, each, Anyone())
    except Refused as error:
        raise Refused(f"sigstore-python does not accept it: {error}") from error


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bundle(bundle: Bundle, entry: LogEntry) -> bytes:
    signature = _b64(bundle.signature)
    content: dict[str, object] = {"messageSignature": {"signature": signature}}
    if bundle.envelope is not None:
        envelope = bundle.envelope
        signed = {"payload": _b64(envelope.payload), "payloadType": envelope.payload_type, "signatures": [{"sig": signature}]}
        content = {"dsseEnvelope": signed}
    elif bundle.stated_sha256:
        stated = {"algorithm": _SHA2_256, "digest": _b64(bundle.stated_sha256)}
        content = {"messageSignature": {"messageDigest": stated, "signature": signature}}
    material: dict[str, object] = {
        "certificate": {"rawBytes": _b64(der(bundle.certificates[0]))},
        "tlogEntries": [_entry(entry)],
    }
    if bundle.tokens:
        material["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": _b64(token)} for token in bundle.tokens]
        }
    return json.dumps({"mediaType": V3[0], "verificationMaterial": material, **content}).encode()


def _entry(entry: LogEntry) -> dict[str, object]:
    promise = {"inclusionPromise": {"signedEntryTimestamp": _b64(entry.promise)}} if entry.promise else {}
    return {
        "logIndex": str(entry.index),
        "logId": {"keyId": _b64(entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "integratedTime": str(int(entry.integrated.timestamp()) if entry.integrated else 0),
        **promise,
        "inclusionProof": {
            "logIndex": str(entry.proof_index),
            "rootHash": _b64(entry.root_hash),
            "treeSize": str(entry.tree_size),
            "hashes": [_b64(sibling) for sibling in entry.hashes],
            "checkpoint": {"envelope": entry.checkpoint},
        },
        "canonicalizedBody": _b64(entry.body),
    }


def _root(root: SigstoreRoot, times: Iterable[datetime]) -> bytes:
    moments = tuple(times)

    def live(window: Validity) -> bool:
        return all(moment in window for moment in moments)

    return json.dumps(
        {
            "mediaType": MEDIA_TYPES[0],
            "tlogs": [_log(log) for log in root.logs if live(log.window)],
            "ctlogs": [_log(log) for log in root.certificate_logs],
            "certificateAuthorities": [_authority(each) for each in root.authorities if live(each.window)],
            "timestampAuthorities": [_authority(each) for each in root.timestampers],
        }
    ).encode()


def _log(log: LogKey) -> dict[str, object]:
    key = {"rawBytes": _b64(log.raw), "keyDetails": log.details, "validFor": _window(log.window)}
    return {"baseUrl": log.url, "hashAlgorithm": _SHA2_256, "publicKey": key, "logId": {"keyId": _b64(log.id)}}


def _authority(authority: Authority) -> dict[str, object]:
    return {
        "subject": {"organization": "", "commonName": ""},
        "uri": authority.url,
        "certChain": {"certificates": [{"rawBytes": _b64(der(link))} for link in authority.chain]},
        "validFor": _window(authority.window),
    }


def _window(window: Validity) -> dict[str, str]:
    """*window* with both ends; sigstore-python excludes the end, which the specification includes."""
    start = window.start or datetime(1970, 1, 1, tzinfo=UTC)
    ends = {"start": start.isoformat()}
    return ends if window.end is None else {**ends, "end": (window.end + timedelta(microseconds=1)).isoformat()}
