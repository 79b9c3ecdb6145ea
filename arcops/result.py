"""The results of judging: the result of a gate, and the report of a run. Neither can contradict its findings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from arcops.errors import Refused
from arcops.evidence import Missing, Source
from arcops.finding import Finding
from arcops.late_dataclass import dataclass
from arcops.subject import Subject
from arcops.tier import Tier
from arcops.verdict import Verdict, worst


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The verdict that *findings* make. Without findings it is RED."""
    return worst(outcome.verdict for outcome in {finding.outcome for finding in findings})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The verdict of one gate. It must be what its findings say, or this value cannot exist."""

    gate: str
    verdict: Verdict
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        said = verdict_of(self.findings)
        if self.verdict is not said:
            raise Refused(f"gate {self.gate!r} claims {self.verdict.value}, but its findings say {said.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecord:
    """Evidence as a report names it: everything but the body, which the store keeps under ``digest``."""

    kind: str
    digest: str
    collector: str
    version: str
    at: datetime
    tier: Tier
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run: the subject, every gate's result, the evidence, the missing evidence, and how long the report is valid.

    ``site`` is the name that the operator gave to the place that judged, or empty if it has none.
    """

    subject: Subject
    verdict: Verdict
    results: tuple[GateResult, ...]
    evidence: tuple[EvidenceRecord, ...]
    missing: tuple[Missing, ...]
    policy_name: str
    policy_digest: str
    tier: Tier
    runner: str
    judged_at: datetime
    valid_until: datetime
    site: str = ""

    def __post_init__(self) -> None:
        said = worst(result.verdict for result in self.results)
        if self.verdict is not said:
            raise Refused(f"the report on {self.subject.name!r} claims {self.verdict.value}, but its gates say {said.value}")
        known = {record.digest for record in self.evidence}
        for result in self.results:
            for finding in result.findings:
                if not known.issuperset(finding.cites):
                    unlisted = min(set(finding.cites) - known)
                    raise Refused(f"finding {finding.rule!r} cites evidence {unlisted} that the report does not list")
        if self.valid_until < self.judged_at:
            raise Refused(
                f"the report on {self.subject.name!r} is valid until {self.valid_until}, which is before it was judged"
            )
