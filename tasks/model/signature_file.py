"""Reads one file that may hold a signature: who made it, when, and what it covers, checked against the operator's trust."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from arcops.errors import Refused
from arcops.request import Request
from arcops.seen.signatures import Covered, SignatureSeen
from arcops.seen.tree import Tree
from artifacts.envelope import IN_TOTO, strict_json
from artifacts.foreign import refusing
from tasks.signing import proto_json
from tasks.signing.blob_signatures import blob_of, open_detached, signed_file
from tasks.signing.bundle_reading import stated_sha256
from tasks.signing.bundles import OpenedBundle, open_bundle
from tasks.signing.candidate import Candidate
from tasks.signing.legacy import PREDICATES
from tasks.signing.model_signing import parse_manifest, predicate_type
from tasks.signing.trust import Trust


def read_signature(candidate: Candidate, request: Request, tree: Tree, trust: Trust) -> SignatureSeen | None:
    """What *candidate* shows; ``None`` if it is a statement that is not a signature over files."""
    blank = SignatureSeen(
        path=candidate.path,
        sha256=candidate.sha256,
        attached=candidate.attached,
        format="unknown",
        carriers=() if candidate.attached or not candidate.sha256 else (Covered(path=candidate.path, sha256=candidate.sha256),),
        problem=candidate.problem,
    )
    if candidate.problem:
        return blank
    try:
        with refusing(candidate.path):
            return _read(candidate, blank, request, tree, trust)
    except Refused as error:
        return replace(blank, problem=str(error))


def _read(candidate: Candidate, blank: SignatureSeen, request: Request, tree: Tree, trust: Trust) -> SignatureSeen | None:
    if not candidate.data.lstrip().startswith(b"{"):
        return _detached(blank, candidate.data, request, tree, trust)
    document = strict_json(candidate.data, candidate.path)
    if not isinstance(document, dict):
        raise Refused(f"{candidate.path} is not a JSON object")
    if "base64Signature" in document:
        text = document["base64Signature"]
        return _detached(blank, text.encode() if isinstance(text, str) else b"", request, tree, trust)
    envelope = proto_json.enveloped(document)
    if envelope is not None:
        return _enveloped(blank, candidate.data, envelope, request, tree, trust)
    return _message(blank, candidate.data, document, request, tree, trust)


def _detached(blank: SignatureSeen, text: bytes, request: Request, tree: Tree, trust: Trust) -> SignatureSeen:
    known = replace(blank, format="cosign-blob")
    try:
        file = signed_file(tree, blank.path)
        opened = open_detached(text, blob_of(request, file), trust)
    except Refused as error:
        return replace(known, problem=f"{blank.path} proves nothing: {error}")
    return replace(_proven(known, opened), covers=(Covered(path=file.path, sha256=file.sha256),), model_digest=opened.sha256)


def _message(
    blank: SignatureSeen, data: bytes, document: dict[str, object], request: Request, tree: Tree, trust: Trust
) -> SignatureSeen:
    known = replace(blank, format="sigstore-blob")
    try:
        file = signed_file(tree, blank.path, _stated(document))
        blob = blob_of(request, file)
        where = blank.path
        opened = (
            open_bundle(data, trust, artifact=blob.data, where=where, untimed=True)
            if blob.data is not None
            else open_bundle(data, trust, artifact_sha256=file.sha256, where=where, untimed=True)
        )
    except Refused as error:
        return replace(known, problem=str(error))
    return replace(_proven(known, opened), covers=(Covered(path=file.path, sha256=file.sha256),), model_digest=opened.sha256)


def _enveloped(
    blank: SignatureSeen, data: bytes, envelope: proto_json.Message, request: Request, tree: Tree, trust: Trust
) -> SignatureSeen | None:
    claimed = proto_json.envelope(envelope)
    kind = predicate_type(claimed.payload) if claimed.payload_type == IN_TOTO else ""
    if kind and kind not in PREDICATES:
        return None
    known = replace(blank, format="model-signing")
    try:
        opened = open_bundle(data, trust, where=blank.path, untimed=True)
        manifest = parse_manifest(opened.payload, tree, request)
    except Refused as error:
        return replace(known, problem=str(error))
    own = {blank.path, PurePosixPath(blank.path).name}
    return replace(
        _proven(known, opened),
        format=f"model-signing-{manifest.version}",
        covers=manifest.covers,
        model_digest=manifest.digest,
        ignored=tuple(path for path in manifest.ignored if path not in own),
    )


def _proven(known: SignatureSeen, opened: OpenedBundle) -> SignatureSeen:
    return replace(
        known,
        signers=opened.signers,
        keys=opened.keys,
        trusted_time=opened.trusted_time,
        untimed=opened.untimed,
        not_before=opened.not_before,
        not_after=opened.not_after,
    )


def _stated(document: dict[str, object]) -> str:
    return stated_sha256(proto_json.inner(document, "messageSignature", "its message signature")).hex()
