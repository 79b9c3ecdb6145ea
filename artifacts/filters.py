"""What to list, and the condition of SQL that finds it in the store's index."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from arcops.asks import shaped
from arcops.late_dataclass import dataclass
from arcops.verdict import Verdict
from artifacts.searched import searched
from artifacts.typed import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to list; an empty field does not filter."""

    subject: str = ""
    """Only artifacts about the subject of this name."""
    kind: str = ""
    """Only artifacts about a subject of this kind."""
    search: str = ""
    """Only artifacts whose subject's name contains this, or whose own digest, or a digest of the subject, begins with it."""
    digest: str = ""
    """Only those about the subject with this digest, sha256:…"""
    artifact: str = ""
    """Only the one of this digest, sha256:…"""
    predicate_type: str = ""
    """Only those of this in-toto predicate type."""
    verdict: Verdict | None = None
    """Only those of this verdict."""
    subject_part: str = ""
    """Only artifacts whose subject's name contains this, in any case."""
    site: str = ""
    """Only artifacts that were judged at this site."""
    gate: str = ""
    """Only artifacts that the gate with this id judged."""
    gate_verdict: Verdict | None = None
    """Only those to which the gate, or any gate if none is named, gave this verdict."""
    judged_from: datetime | None = None
    """Only those judged at this moment or later, to the second."""
    judged_before: datetime | None = None
    """Only those judged before this moment, to the second."""
    offset: int = 0
    """Skip this many of the newest."""
    limit: int = field(default=1000, metadata=shaped(least=1))
    """At most this many, the newest first."""


def clause_of(what: Filter) -> tuple[str, tuple[str, ...]]:
    """The WHERE clause of *what*, made of texts of ours alone, and the values for its question marks."""
    wanted = {
        "subject = ?": what.subject,
        "kind = ?": what.kind,
        "instr(lower(subject), lower(?)) > 0": what.subject_part,
        "artifact = ?": what.artifact,
        "predicate = ?": what.predicate_type,
        "verdict = ?": _word(what.verdict),
        "site = ?": what.site,
        "position IN (SELECT position FROM named WHERE digest = ?)": what.digest,
        "judged >= ?": _second(what.judged_from),
        "judged != '' AND judged < ?": _second(what.judged_before),
    }
    asked = [(clause, value) for clause, value in wanted.items() if value]
    gate = [(column, value) for column, value in (("gate", what.gate), ("verdict", _word(what.gate_verdict))) if value]
    clauses = [clause for clause, _ in asked]
    values = [value for _, value in asked]
    if what.search:
        clause, found = searched(what.search)
        clauses.append(clause)
        values += found
    if gate:
        columns = " AND ".join(f"{column} = ?" for column, _ in gate)
        clauses.append(f"position IN (SELECT position FROM gate WHERE {columns})")  # noqa: S608  # columns of ours
    return (f" WHERE {' AND '.join(clauses)}" if clauses else ""), (*values, *(value for _, value in gate))


def _word(verdict: Verdict | None) -> str:
    return verdict.value if verdict else ""


def _second(at: datetime | None) -> str:
    """*at* to the second, without its Z, so that it sorts before each moment within that second."""
    return moment(at.replace(microsecond=0)).removesuffix("Z") if at else ""
