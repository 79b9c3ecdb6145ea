"""Collects the signatures over a model: who made each, when, and what it covers."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from arcops.beside import LONGEST_SIGNATURE, SIGNATURE_SUFFIXES
from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.signatures import Signatures, SignatureSeen
from arcops.seen.tree import Tree
from artifacts.envelope import strict_json
from tasks.files.reading import is_folder, read_limited, read_seen
from tasks.signing.candidate import Candidate
from tasks.signing.revocations import revocations
from tasks.signing.trust import load_trust

_SIGNED = frozenset(("payloadType", "verificationMaterial", "verification_material"))
"""The members that a DSSE envelope or a Sigstore bundle has, and hardly anything else."""


@collector("signatures", Signatures, version="1", needs=(Tree,), deadline=timedelta(minutes=30))
def signatures(request: Request, seen: Seen) -> Sighting[Signatures]:
    """Every signature in the tree or attached to the request, checked against the operator's trust.

    Raises `Refused` if there is no trust or no signature at all.
    """
    tree = seen[Tree].body
    trust = load_trust(request.trust)
    found: list[SignatureSeen] = []
    for one in _candidates(request, tree):
        from tasks.model.signature_file import read_signature  # needs cryptography: imported late

        signature = read_signature(one, request, tree, trust)
        if signature is not None:
            found.append(signature)
    if tree.file("oci-layout") is not None:
        from tasks.signing.oci_layout import image_signatures

        found.extend(image_signatures(request, tree, trust))
    if not found:
        raise Refused(
            f"{Signatures.NONE} {request.target} or beside it; sign the model (arcops sign), or pass the signature file"
        )
    lists = revocations(trust)
    dated = max((listed.issued_at for listed in lists if listed.issued_at is not None), default=None)
    ordered = tuple(sorted(found, key=lambda signature: (signature.path, signature.sha256)))
    return Sighting(body=Signatures(signatures=ordered, revocations=lists), sources=(trust.source(dated),))


def _candidates(request: Request, tree: Tree) -> list[Candidate]:
    found: list[Candidate] = []
    for file in tree.files:
        if file.path.endswith(SIGNATURE_SUFFIXES) and (len(tree.files) > 1 or is_folder(request)):
            try:
                data, problem = read_seen(request, file, LONGEST_SIGNATURE), ""
            except Refused as error:
                data, problem = b"", str(error)
            found.append(Candidate(path=file.path, data=data, attached=False, problem=problem, sha256=file.sha256))
    for trouble in tree.troubles:
        if trouble.path.endswith(SIGNATURE_SUFFIXES):
            found.append(Candidate(path=trouble.path, data=b"", attached=False, problem=f"{trouble.path}: {trouble.reason}"))
    for path in sorted(request.attached):
        named = path.name.endswith(SIGNATURE_SUFFIXES)
        try:
            data, problem = read_limited(request, path, LONGEST_SIGNATURE), ""
        except Refused as error:
            data, problem = b"", str(error)
        if not named and not _looks_signed(data):
            continue  # for example an SBOM, attached for another collector
        digest = hashlib.sha256(data).hexdigest()
        found.append(Candidate(path=path.name, data=data, attached=True, problem=problem, sha256=digest))
    return found


def _looks_signed(data: bytes) -> bool:
    try:
        document = strict_json(data, "it")
    except Refused:
        return False
    return isinstance(document, dict) and not _SIGNED.isdisjoint(document)
