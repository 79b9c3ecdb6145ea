"""The readiness report as an in-toto Statement v1 (in-toto/attestation, ``spec/v1/statement.md``), and strictly back.

The predicate holds the whole report, and a summary for readers: which trust roots the signatures were checked against, how old
the data was, and which collector versions were used. Every load checks the summary against the report, so the two agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from functools import cache
from typing import Any, cast

from arcops.errors import Refused
from arcops.evidence import Missing, SourceKind
from arcops.late_dataclass import dataclass
from arcops.left_out import LEFT_OUT
from arcops.result import EvidenceRecord, GateResult, Report
from arcops.subject import Subject
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.straight import straight
from artifacts.typed import JSON, dump, load

STATEMENT = "https://in-toto.io/Statement/v1"
READINESS = "https://arcops.dev/predicates/readiness-report/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyNamed:
    """The policy that was applied: its name, and the digest of its own bytes."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """A trust root that signatures were checked against."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDate:
    """Data that was used, and when its content was made; null if that is not known."""

    name: str
    digest: str
    dated: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorVersion:
    """A collector that was used, and its version."""

    collector: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReport:
    """The predicate: the judged subject, the verdict, the result of each gate, and the evidence.

    There is no site if the place that judged has no name.
    """

    subject: Subject
    verdict: Verdict
    results: tuple[GateResult, ...]
    evidence: tuple[EvidenceRecord, ...]
    missing: tuple[Missing, ...]
    policy: PolicyNamed
    tier: Tier
    runner: str
    judged_at: datetime
    valid_until: datetime
    trust_roots: tuple[TrustRoot, ...]
    data_dates: tuple[DataDate, ...]
    collectors: tuple[CollectorVersion, ...]
    site: str = field(default="", metadata=LEFT_OUT)


def predicate(report: Report) -> ReadinessReport:
    """*report* in the shape in which it is signed."""
    sources = {source for record in report.evidence for source in record.sources}
    return ReadinessReport(
        subject=report.subject,
        verdict=report.verdict,
        results=report.results,
        evidence=report.evidence,
        missing=report.missing,
        policy=PolicyNamed(name=report.policy_name, digest=report.policy_digest),
        tier=report.tier,
        runner=report.runner,
        judged_at=report.judged_at,
        valid_until=report.valid_until,
        trust_roots=tuple(
            TrustRoot(name=name, digest=digest)
            for name, digest in sorted({(s.name, s.digest) for s in sources if s.kind is SourceKind.TRUST})
        ),
        data_dates=tuple(
            DataDate(name=source.name, digest=source.digest, dated=source.dated)
            for source in sorted(
                {s for s in sources if s.kind is SourceKind.DATA},
                key=lambda s: (s.name, s.digest, s.dated is not None, s.dated),
            )
        ),
        collectors=tuple(
            CollectorVersion(collector=name, version=version)
            for name, version in sorted({(record.collector, record.version) for record in report.evidence})
        ),
        site=report.site,
    )


def statement(predicate_type: str, subjects: Iterable[Subject], body: JSON) -> bytes:
    """The canonical bytes of an in-toto Statement v1 that says *body*, of *predicate_type*, about *subjects*."""
    return _stated(predicate_type, subjects, canonical(body))


def _stated(predicate_type: str, subjects: Iterable[Subject], body: bytes) -> bytes:
    """As `statement`, of the canonical *body*: four members in their order, each canonical, are canonical together."""
    described: list[JSON] = [
        {"name": subject.name, "digest": {digest.algorithm: digest.value for digest in subject.digests}} for subject in subjects
    ]
    if not described:
        raise Refused("a statement needs a subject; name at least one")
    members = (
        (b"_type", canonical(STATEMENT)),
        (b"predicate", body),
        (b"predicateType", canonical(predicate_type)),
        (b"subject", canonical(described)),
    )
    return b"{%s}" % b",".join(b'"%s":%s' % member for member in members)


def to_statement(report: Report) -> bytes:
    """The statement of *report*: the bytes that are signed."""
    body = predicate(report)
    written = straight(body, ReadinessReport, signed=True)
    return _stated(READINESS, [report.subject], canonical(dump(body)) if written is None else written)


def from_statement(data: bytes) -> Report:
    """The report in the statement *data*.

    Raises `Refused` if it breaks the published schema, if its verdict is not what its findings say, or if two of its
    parts contradict each other.
    """
    return report_in(strict_json(data, "the statement"))


def report_in(document: object) -> Report:
    """The report in a statement's values, as `artifacts.envelope.strict_json` read them. Raises as `from_statement` does."""
    check_schema(document)
    members = cast(dict[str, Any], document)  # the schema was checked: it is an object with exactly these members
    said = load(ReadinessReport, members["predicate"], "the predicate")
    report = Report(
        subject=said.subject,
        verdict=said.verdict,
        results=said.results,
        evidence=said.evidence,
        missing=said.missing,
        policy_name=said.policy.name,
        policy_digest=said.policy.digest,
        tier=said.tier,
        runner=said.runner,
        judged_at=said.judged_at,
        valid_until=said.valid_until,
        site=said.site,
    )
    outer = {"name": said.subject.name, "digest": {digest.algorithm: digest.value for digest in said.subject.digests}}
    if members["subject"] != [outer]:
        raise Refused(f"the statement's subject is not {said.subject.name!r}, which its predicate judges")
    if predicate(report) != said:
        raise Refused("the statement's trustRoots, dataDates or collectors do not match its evidence")
    return report


@cache
def _validator() -> Any:
    # Imported here, because only opening a report needs the schema library; sealing one does not.
    import jsonschema_rs

    from artifacts.schemas import schema_text

    return jsonschema_rs.validator_for(schema_text(READINESS), mask="the value", offline=True)


def check_schema(document: object) -> None:
    """Raises `Refused`, with the place, if *document* is no statement of a report by the published schema."""
    if _validator().is_valid(document):  # takes less than to look for errors
        return
    problem = next(iter(_validator().iter_errors(document)), None)
    if problem is None:
        raise Refused("the statement does not match its schema")
    where = ".".join(str(part) for part in problem.instance_path) or "the document"
    raise Refused(f"the statement does not match its schema at {where[:200]}: {problem.message[:300]}")
