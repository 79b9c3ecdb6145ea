"""In-toto statements v0.1 and v1: subjects as claimed, and the predicate's text exactly as signed.

Sources: in-toto attestation ``spec/v0.1`` and ``spec/v1/statement.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from arcops.errors import Refused
from arcops.seen.attestations import StatedSubject
from arcops.slsa import digest_set
from artifacts.envelope import strict_json

TYPES = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")
_MOST_SUBJECTS = 100_000
_SPACE = " \t\n\r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as written; ``text`` is the predicate's own JSON and ``predicate`` that text decoded."""

    predicate_type: str
    subjects: tuple[StatedSubject, ...]
    text: str
    predicate: object


def parse_statement(payload: bytes) -> Statement:
    """The statement in *payload*. Raises `Refused` if it is not in-toto, has no subject, or a subject without a digest."""
    document = strict_json(payload, "the statement")
    if not isinstance(document, dict) or document.get("_type") not in TYPES:
        raise Refused("its payload is not an in-toto statement of version 0.1 or 1")
    kind = document.get("predicateType")
    if not isinstance(kind, str) or not kind:
        raise Refused("its statement has no predicateType")
    listed = document.get("subject")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_SUBJECTS:
        raise Refused(f"its statement's subject is not a list of 1 to {_MOST_SUBJECTS} entries, so it has no subject")
    return Statement(
        predicate_type=kind,
        subjects=tuple(sorted((_subject(entry) for entry in listed), key=lambda subject: (subject.name, str(subject.digests)))),
        text=_member_text(payload.decode("utf-8"), "predicate"),
        predicate=document.get("predicate"),
    )


def _subject(entry: object) -> StatedSubject:
    if not isinstance(entry, dict):
        raise Refused("its statement lists a subject that is not an object")
    name = entry.get("name") or ""
    if not isinstance(name, str):
        raise Refused("its statement lists a subject whose name is not a string")
    digests = digest_set(entry.get("digest"), "subject.digest")
    if not digests:
        raise Refused(f"its statement names {name[:200]!r} without a digest, so its subject is unknown")
    return StatedSubject(name=name, digests=digests)


def _member_text(text: str, name: str) -> str:
    """The text of the member *name* of the JSON object *text*, which is known to be valid; ``""`` if it has no such member."""
    decoder = json.JSONDecoder()
    at = _after_space(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _after_space(text, _after_space(text, at) + 1)
        _, end = decoder.raw_decode(text, at)
        if key == name:
            return text[at:end]
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return ""


def _after_space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
