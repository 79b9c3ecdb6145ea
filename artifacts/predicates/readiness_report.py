"""The readiness report: what a check concludes."""

from __future__ import annotations

from arcops.result import Report
from artifacts.predicate import Predicate
from artifacts.statement import READINESS, ReadinessReport, from_statement, report_in
from artifacts.typed import moment
from artifacts.words import Said


def words_of(report: Report) -> Said:
    """What an artifact that says *report* says about itself."""
    return Said(
        predicate_type=READINESS,
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


READINESS_REPORT = Predicate(
    uri=READINESS,
    title="ArcOps readiness report, version 1: an in-toto Statement v1",
    holds=ReadinessReport,
    read=from_statement,
    said=lambda _, document: words_of(report_in(document)),
    published=True,
)
