"""What a sealed artifact says of itself, read without verifying anything: for listings, never for decisions."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused
from artifacts.bundle import read_envelope
from artifacts.envelope import IN_TOTO, strict_json
from artifacts.statement import READINESS, STATEMENT, from_statement
from artifacts.typed import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``evidence`` are the digests of what the artifact stands on, evidence bodies and its policy; ``None`` where the predicate
    is not one that names them in a way known here.

    ``gates`` are the ids of the gates that were asked, each with its verdict. ``kind`` is the kind of subject, empty where the
    predicate knows none.
    """

    predicate_type: str
    subject: str
    digests: tuple[str, ...]
    evidence: frozenset[str] | None = None
    verdict: str = ""
    policy: str = ""
    judged_at: str = ""
    valid_until: str = ""
    site: str = ""
    gates: tuple[tuple[str, str], ...] = ()
    kind: str = ""


def said(sealed: bytes) -> Said:
    """The words of *sealed*. Raises `Refused` where it is not a sealed in-toto statement, or contradicts itself."""
    envelope = read_envelope(sealed)
    document = strict_json(envelope.payload, "the statement")
    if envelope.payload_type != IN_TOTO or not isinstance(document, dict) or document.get("_type") != STATEMENT:
        raise Refused("the artifact is not a sealed in-toto Statement v1")
    kind, subjects = document.get("predicateType"), document.get("subject")
    if not isinstance(kind, str) or not isinstance(subjects, list) or not subjects:
        raise Refused("the artifact's statement names no predicateType or no subject")
    if kind != READINESS:
        return Said(predicate_type=kind, subject=_name(subjects[0]), digests=tuple(_digests(subjects)))
    report = from_statement(envelope.payload)
    return Said(
        predicate_type=kind,
        subject=report.subject.name,
        digests=tuple(str(digest) for digest in report.subject.digests),
        evidence=frozenset((report.policy_digest, *(record.digest for record in report.evidence))),
        verdict=report.verdict.value,
        policy=report.policy_name,
        judged_at=moment(report.judged_at),
        valid_until=moment(report.valid_until),
        site=report.site,
        gates=tuple((result.gate, result.verdict.value) for result in report.results),
        kind=report.subject.kind,
    )


def _name(subject: object) -> str:
    name = subject.get("name") if isinstance(subject, dict) else None
    return name if isinstance(name, str) else ""


def _digests(subjects: list[object]) -> list[str]:
    found = [subject.get("digest") for subject in subjects if isinstance(subject, dict)]
    return sorted({f"{name}:{value}" for digests in found if isinstance(digests, dict) for name, value in digests.items()})
