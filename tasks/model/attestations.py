"""The collector of attestations: every in-toto statement beside the subject, and what was proven of its signatures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.request import Request
from arcops.seen.attestations import Attestations, AttestationSeen
from arcops.seen.tree import Tree
from arcops.slsa import PROVENANCE_V02, PROVENANCE_V1, SUMMARY_V02, SUMMARY_V1, parse_provenance, parse_summary
from artifacts.envelope import IN_TOTO, strict_json
from artifacts.foreign import refusing
from tasks.files.reading import MIB, read_limited, read_seen
from tasks.signing import proto_json
from tasks.signing.revocations import revocations
from tasks.signing.trust import Trust, load_trust

if TYPE_CHECKING:
    from tasks.signing.statement import Statement

# The OpenSSF Model Signing format is an in-toto statement, too; the collector of signatures reads it.
MODEL_SIGNATURES = ("https://model_signing/signature/v1.0", "https://model_signing/Digests/v0.1")

_NAME = late(
    r".*\.(intoto\.jsonl?|intoto\.(sigstore|bundle)\.json|dsse(\.json)?|att(\.json)?|attestations?\.jsonl?|sigstore(\.json)?|bundle\.jsonl?)",
    re.IGNORECASE,
)
_MOST_FILES = 256
_MOST_LINES = 256
_LONGEST = 32 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that may hold attestations, and its bytes; ``problem`` says why they could not be read."""

    path: str
    sha256: str
    attached: bool
    data: bytes = b""
    problem: str = ""


@collector("attestations", Attestations, version="1", needs=(Tree,), deadline=timedelta(minutes=5))
def look(request: Request, seen: Seen) -> Sighting[Attestations]:
    """Open every attestation in the subject and among the attached files, against the operator's trust.

    One that cannot be opened is reported with its problem. Raises `Refused` if there is no attestation, too many, or if
    no trust folder is configured.
    """
    files = [*_inside(request, seen[Tree].body), *_attached(request)]
    if len(files) > _MOST_FILES:
        raise Refused(f"{request.target} comes with {len(files)} attestation files; at most {_MOST_FILES} are read")
    trust = load_trust(request.trust)
    found: list[AttestationSeen] = []
    for at, file in enumerate(files):
        request.progress(at, len(files))
        found.extend(_attestations(file, trust))
    if not found:
        raise Refused(
            f"{Attestations.NONE} {request.target}; ask its publisher for SLSA provenance (*.intoto.jsonl or"
            " *.sigstore.json) and put it beside the model or attach it"
        )
    found.sort(key=lambda attestation: (attestation.path, attestation.line, attestation.sha256))
    return Sighting(body=Attestations(attestations=tuple(found), revocations=revocations(trust)), sources=(trust.source(),))


def _inside(request: Request, tree: Tree) -> Iterator[_File]:
    for file in tree.files:
        if not _NAME.fullmatch(file.path):
            continue
        try:
            data = read_seen(request, file, _LONGEST)
        except Refused as error:
            yield _File(path=file.path, sha256=file.sha256, attached=False, problem=str(error))
        else:
            yield _File(path=file.path, sha256=file.sha256, attached=False, data=data)


def _attached(request: Request) -> Iterator[_File]:
    """Attached files by name, and any other attached JSON that is an envelope or a bundle by its members."""
    for path in request.attached:
        named = _NAME.fullmatch(path.name) is not None
        if not named and path.suffix not in (".json", ".jsonl"):
            continue
        try:
            data = read_limited(request, path, _LONGEST)
        except Refused as error:
            if named:
                yield _File(path=path.name, sha256="", attached=True, problem=str(error))
            continue
        if named or b'"payloadType"' in data:
            yield _File(path=path.name, sha256=hashlib.sha256(data).hexdigest(), attached=True, data=data)


def _attestations(file: _File, trust: Trust) -> Iterator[AttestationSeen]:
    blank = AttestationSeen(path=file.path, sha256=file.sha256, attached=file.attached)
    if file.problem:
        yield replace(blank, problem=file.problem)
        return
    parts = [(0, file.data)]
    if Path(file.path).suffix.lower() == ".jsonl":
        parts = [(at, line) for at, line in enumerate(file.data.splitlines(), start=1) if line.strip()]
    if len(parts) > _MOST_LINES or not parts:
        yield replace(blank, problem=f"it holds {len(parts)} envelopes; 1 to {_MOST_LINES} are read")
        return
    for line, data in parts:
        try:
            with refusing("it"):
                seen = _attestation(data, trust, replace(blank, line=line))
        except Refused as error:
            seen = replace(blank, line=line, problem=str(error))
        if seen is not None:
            yield seen


def _attestation(data: bytes, trust: Trust, blank: AttestationSeen) -> AttestationSeen | None:
    """The attestation in *data*, or ``None`` if it is only a signature. Raises `Refused` if that cannot be decided."""
    from tasks.signing.bundles import open_bundle  # needs cryptography: imported late
    from tasks.signing.statement import parse_statement

    payload = _claimed_payload(data)
    if payload is None:
        return None
    statement = parse_statement(payload)
    if statement.predicate_type in MODEL_SIGNATURES:
        return None
    claimed = _with_predicate(
        replace(blank, predicate_type=statement.predicate_type, subjects=statement.subjects, predicate=statement.text),
        statement,
    )
    try:
        opened = open_bundle(data, trust, where=blank.about)
    except Refused as error:
        return replace(claimed, problem=str(error))
    if opened.payload_type != IN_TOTO or opened.payload != payload:
        return replace(claimed, problem="its signature covers another statement than the one in its payload")
    return replace(
        claimed,
        signers=tuple(sorted(opened.signers, key=str)),
        keys=tuple(sorted(opened.keys)),
        trusted_time=opened.trusted_time,
    )


def _claimed_payload(data: bytes) -> bytes | None:
    """The in-toto payload of the envelope or bundle *data*, nothing proven; ``None`` for a signature over a file's bytes."""
    document = strict_json(data, "it")
    if not isinstance(document, dict):
        raise Refused("it is not a JSON object")
    inner = proto_json.enveloped(document)
    if inner is None and proto_json.field(document, "messageSignature", "it") is not None:
        return None
    if document.get("_type") is not None:
        raise Refused("it is an in-toto statement without a signature; ask for it in a DSSE envelope")
    envelope = proto_json.envelope(document if inner is None else inner)
    if envelope.payload_type != IN_TOTO:
        raise Refused(f"its payload is {envelope.payload_type[:100]!r}, not an in-toto statement")
    return envelope.payload


def _with_predicate(seen: AttestationSeen, statement: Statement) -> AttestationSeen:
    try:
        if statement.predicate_type in (PROVENANCE_V02, PROVENANCE_V1):
            return replace(seen, provenance=parse_provenance(statement.predicate_type, statement.predicate))
        if statement.predicate_type in (SUMMARY_V02, SUMMARY_V1):
            return replace(seen, summary=parse_summary(statement.predicate_type, statement.predicate))
    except Refused as error:
        return replace(seen, misshapen=str(error))
    return seen
