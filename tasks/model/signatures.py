"""Collect the signatures over a model: which there are, who made each, when, and what it covers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePosixPath

from arcops.beside import LONGEST_SIGNATURE, SIGNATURE_SUFFIXES
from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.signatures import Covered, Signatures, SignatureSeen
from arcops.seen.tree import Tree
from artifacts.envelope import IN_TOTO, parse_envelope, strict_base64, strict_json
from artifacts.foreign import refusing
from tasks.files.reading import is_folder, read_limited, read_seen
from tasks.signing.blob_signatures import blob_of, open_detached, signed_file
from tasks.signing.bundles import Opened, open_bundle
from tasks.signing.legacy import PREDICATES
from tasks.signing.model_signing import parse_manifest, predicate_type
from tasks.signing.oci_layout import image_signatures
from tasks.signing.revocations import revocations
from tasks.signing.trust import Trust, load_trust


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A file that may hold a signature, or the reason why it could not be read."""

    path: str
    data: bytes
    attached: bool
    problem: str = ""
    sha256: str = ""


@collector("signatures", Signatures, version="1", needs=(Tree,), deadline=timedelta(minutes=30))
def signatures(request: Request, seen: Seen) -> Sighting[Signatures]:
    """Every signature in the tree or attached to the request, held against the operator's trust.

    Raises `Refused` where there is no trust or no signature at all.
    """
    tree = seen[Tree].body
    trust = load_trust(request.trust)
    found = [signature for signature in (_seen(one, request, tree, trust) for one in _candidates(request, tree)) if signature]
    found.extend(image_signatures(request, tree, trust))
    if not found:
        raise Refused(
            f"no signature was found in {request.target} or beside it; sign the model (arcops sign), or pass the signature file"
        )
    lists = revocations(trust)
    dated = max((listed.issued_at for listed in lists if listed.issued_at is not None), default=None)
    ordered = tuple(sorted(found, key=lambda signature: (signature.path, signature.sha256)))
    return Sighting(body=Signatures(signatures=ordered, revocations=lists), sources=(trust.source(dated),))


def _candidates(request: Request, tree: Tree) -> list[_Candidate]:
    found: list[_Candidate] = []
    for file in tree.files:
        if file.path.endswith(SIGNATURE_SUFFIXES) and (len(tree.files) > 1 or is_folder(request)):
            try:
                data, problem = read_seen(request, file, LONGEST_SIGNATURE), ""
            except Refused as error:
                data, problem = b"", str(error)
            found.append(_Candidate(path=file.path, data=data, attached=False, problem=problem, sha256=file.sha256))
    for trouble in tree.troubles:
        if trouble.path.endswith(SIGNATURE_SUFFIXES):
            found.append(_Candidate(path=trouble.path, data=b"", attached=False, problem=f"{trouble.path}: {trouble.reason}"))
    for path in sorted(request.attached):
        named = path.name.endswith(SIGNATURE_SUFFIXES)
        try:
            data, problem = read_limited(request, path, LONGEST_SIGNATURE), ""
        except Refused as error:
            data, problem = b"", str(error)
        if not named and not _looks_signed(data):
            continue  # an SBOM, say: attached for another collector
        digest = hashlib.sha256(data).hexdigest()
        found.append(_Candidate(path=path.name, data=data, attached=True, problem=problem, sha256=digest))
    return found


def _looks_signed(data: bytes) -> bool:
    try:
        document = strict_json(data, "it")
    except Refused:
        return False
    return isinstance(document, dict) and ("payloadType" in document or "verificationMaterial" in document)


def _seen(candidate: _Candidate, request: Request, tree: Tree, trust: Trust) -> SignatureSeen | None:
    """What *candidate* shows; ``None`` where it is a statement about something else than a signature over files."""
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


def _read(candidate: _Candidate, blank: SignatureSeen, request: Request, tree: Tree, trust: Trust) -> SignatureSeen | None:
    if not candidate.data.lstrip().startswith(b"{"):
        return _detached(blank, candidate.data, request, tree, trust)
    document = strict_json(candidate.data, candidate.path)
    if not isinstance(document, dict):
        raise Refused(f"{candidate.path} is not a JSON object")
    if "base64Signature" in document:
        text = document["base64Signature"]
        return _detached(blank, text.encode() if isinstance(text, str) else b"", request, tree, trust)
    envelope = document if "payloadType" in document else document.get("dsseEnvelope")
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
    blank: SignatureSeen, data: bytes, envelope: object, request: Request, tree: Tree, trust: Trust
) -> SignatureSeen | None:
    if not isinstance(envelope, dict):
        raise Refused(f"{blank.path} holds an envelope that is not a JSON object")
    claimed = parse_envelope(envelope)
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


def _proven(known: SignatureSeen, opened: Opened) -> SignatureSeen:
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
    message = document.get("messageSignature")
    digest = message.get("messageDigest") if isinstance(message, dict) else None
    if not isinstance(digest, dict) or digest.get("algorithm") != "SHA2_256":
        return ""
    return strict_base64(digest.get("digest"), "its message digest").hex()
