"""What a sealed artifact says about itself, read without verifying anything: for listings, never for decisions."""

from __future__ import annotations

from typing import Any, cast

from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import read_envelope
from artifacts.envelope import IN_TOTO, Envelope, strict_json
from artifacts.predicates import known
from artifacts.statement import STATEMENT, check_schema
from artifacts.words import Said


def said(sealed: bytes) -> Said:
    """The values of *sealed*. Raises `Refused` if it is not a sealed in-toto statement, or contradicts itself."""
    return said_in(read_envelope(sealed))


def said_as(report: Report, sealed: bytes) -> Said:
    """The values of *sealed*, which the caller has just made of *report*. Its bytes are read back, so that nothing is kept that
    no reader takes, but no second report is made of them: this one cannot contradict itself. Raises `Refused` if they break
    the published schema, or are of another report.
    """
    from artifacts.predicates.readiness_report import words_of

    document = strict_json(read_envelope(sealed).payload, "the statement")
    check_schema(document)
    words = words_of(report)
    told = cast(dict[str, Any], document)["predicate"]
    mine = (words.subject, words.verdict, words.judged_at, len(report.evidence))
    if (told["subject"]["name"], told["verdict"], told["judgedAt"], len(told["evidence"])) != mine:
        raise Refused("the artifact was not made of this report, so it is not kept as that")
    return words


def said_in(envelope: Envelope) -> Said:
    """The values of the artifact that *envelope* is in. Raises `Refused` as `said` does."""
    document = strict_json(envelope.payload, "the statement")
    if envelope.payload_type != IN_TOTO or not isinstance(document, dict) or document.get("_type") != STATEMENT:
        raise Refused("the artifact is not a sealed in-toto Statement v1")
    kind, subjects = document.get("predicateType"), document.get("subject")
    if not isinstance(kind, str) or not isinstance(subjects, list) or not subjects:
        raise Refused("the artifact's statement has no predicateType or no subject")
    predicate = known(kind)
    if predicate is not None and predicate.said is not None:
        return predicate.said(envelope.payload, document)
    return Said(predicate_type=kind, subject=_name(subjects[0]), digests=tuple(_digests(subjects)))


def _name(subject: object) -> str:
    name = subject.get("name") if isinstance(subject, dict) else None
    return name if isinstance(name, str) else ""


def _digests(subjects: list[object]) -> list[str]:
    found = [subject.get("digest") for subject in subjects if isinstance(subject, dict)]
    return sorted({f"{name}:{value}" for digests in found if isinstance(digests, dict) for name, value in digests.items()})
