"""Attestations of publishers, offline: PEP 740 for Python packages, and npm's two (publish and provenance) for Node's.

Sources: PEP 740 (provenance objects, attestation objects of version 1; both of its predicates, the publication and SLSA's
provenance); npm's documentation of its attestations. They are files
beside the lock, because an index behind a proxy gives none: what is not there is not obtainable here, which is not "unsigned".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.server import Packages, Pinned
from arcops.seen.server_attestations import Attested, ServerAttestations
from artifacts.envelope import IN_TOTO, strict_json
from artifacts.reading import read_file
from tasks.server.case import read_case
from tasks.signing.grounds import revocation_lists
from tasks.signing.revocations import revocations
from tasks.signing.trust import Trust, load_trust

FOLDER = "attestations"
"""In the folder of a case: the files."""
PUBLISHERS = "publishers"
"""In the trust folder: the roots and keys of package indexes, which sign nothing else."""
PYPI = ("https://docs.pypi.org/attestations/publish/v1",)
NPM_PUBLISH = ("https://github.com/npm/attestation/tree/main/specs/publish/v0.1",)
PROVENANCE = ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2")
_KINDS = {**dict.fromkeys(PYPI, "pypi-publish"), **dict.fromkeys(NPM_PUBLISH, "npm-publish")}
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_MOST, _MOST_FILES, _MOST_EACH = 16 << 20, 64, 64


@collector("server-attestations", ServerAttestations, version="2", needs=(Packages,), deadline=timedelta(minutes=2))
def server_attestations(request: Request, seen: Seen) -> Sighting[ServerAttestations]:
    """Open every attestation against the roots and keys in ``trust/publishers``. One that proves nothing says why.

    Raises `Refused` if files are there and no trust that could prove anything.
    """
    case = read_case(request)
    root = next((one for one in seen[Packages].body.packages if one.root), None)
    files = _files(request)
    attested: list[Attested] = []
    trust: Trust | None = None
    if files:
        trust = load_trust(request.trust / PUBLISHERS)
        index = "npm" if case.lock.package.startswith("npm:") else "pypi"
        for path in files:
            attested += _read(path, index, trust)
    return Sighting(
        body=ServerAttestations(
            package=root.purl if root is not None else "",
            wanted=_wanted(root) if root is not None else (),
            attested=tuple(sorted(attested, key=lambda one: (one.path, one.kind, one.subject, one.digests))),
            revocations=(*revocations(trust), *revocation_lists(request.trust)) if trust is not None else (),
            before=case.published,
            before_lost=case.published_lost,
        ),
        sources=(trust.source(),) if trust is not None else (),
    )


def _files(request: Request) -> list[Path]:
    folder = request.declared / FOLDER if request.declared is not None else None
    files = sorted(one for one in folder.iterdir() if one.is_file()) if folder is not None and folder.is_dir() else []
    if len(files) > _MOST_FILES:
        raise Refused(f"{len(files)} files of attestations are beside the lock; at most {_MOST_FILES} are read")
    return files


def _wanted(root: Pinned) -> tuple[str, ...]:
    """The digests of the package's files, as a statement writes them: npm's are Base64 in the lock."""
    found = []
    for one in root.digests:
        algorithm, separator, value = one.partition("-")
        if separator:
            try:
                one = f"{algorithm}:{base64.b64decode(value, validate=True).hex()}"
            except binascii.Error:
                one = f"unreadable:{one}"
        found.append(one)
    return tuple(sorted(found))


def _read(path: Path, index: str, trust: Trust) -> Iterator[Attested]:
    """The attestations in one file (a provenance object, npm's answer, or a bundle alone) of a package of *index*."""
    try:
        document = strict_json(read_file(path, _MOST, follow=False), "it")
        if not isinstance(document, dict):
            raise Refused("it is not a JSON object")
        parts = list(_parts(document))
        if not 1 <= len(parts) <= _MOST_EACH:
            raise Refused(f"it holds {len(parts)} attestations; 1 to {_MOST_EACH} are read")
    except Refused as error:
        yield Attested(path=path.name, kind="unknown", problem=str(error))
        return
    for one in parts:
        yield _opened(path.name, one, index, trust)


def _parts(document: dict[str, object]) -> Iterator[dict[str, object]]:
    if isinstance(document.get("attestation_bundles"), list):
        for bundle in _objects(document["attestation_bundles"], "attestation_bundles"):
            for one in _objects(bundle.get("attestations"), "attestations"):
                yield _as_bundle(one)
    elif isinstance(document.get("attestations"), list):
        for one in _objects(document["attestations"], "attestations"):
            inner = one.get("bundle")
            if not isinstance(inner, dict):
                raise Refused("an attestation has no bundle")
            yield inner
    else:
        yield document


def _objects(value: object, what: str) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Refused(f"its {what!r} is no list of objects")
    return value


def _as_bundle(one: dict[str, object]) -> dict[str, object]:
    """An attestation object of PEP 740 as the Sigstore bundle that it was made of."""
    material, envelope = one.get("verification_material"), one.get("envelope")
    if one.get("version") != 1 or not isinstance(material, dict) or not isinstance(envelope, dict):
        raise Refused("an attestation is not of version 1 of PEP 740")
    return {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "certificate": {"rawBytes": material.get("certificate")},
            "tlogEntries": material.get("transparency_entries"),
        },
        "dsseEnvelope": {
            "payload": envelope.get("statement"),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": envelope.get("signature")}],
        },
    }


def _opened(path: str, bundle: dict[str, object], index: str, trust: Trust) -> Attested:
    import json

    from tasks.signing.bundles import open_bundle  # needs cryptography: imported late
    from tasks.signing.statement import parse_statement

    blank = Attested(path=path, kind="unknown")
    try:
        opened = open_bundle(json.dumps(bundle).encode(), trust, where="it")
        if opened.payload_type != IN_TOTO:
            raise Refused("it proves something about a file, not a statement")
        statement = parse_statement(opened.payload)
        kind = f"{index}-provenance" if statement.predicate_type in PROVENANCE else _KINDS.get(statement.predicate_type, "")
        if not kind:
            raise Refused(f"it states {statement.predicate_type[:200]!r}, which says nothing about a publication")
        if len(statement.subjects) != 1:
            raise Refused(f"it is about {len(statement.subjects)} subjects; an attestation of a publication is about one")
    except Refused as error:
        return Attested(path=path, kind=blank.kind, problem=str(error))
    signer, subject = opened.signers[0], statement.subjects[0]
    return Attested(
        path=path,
        kind=kind,
        subject=subject.name,
        digests=tuple(sorted(str(one) for one in subject.digests)),
        identity=signer.identity,
        issuer=signer.issuer,
        key=signer.key,
        at=opened.trusted_time,
    )
