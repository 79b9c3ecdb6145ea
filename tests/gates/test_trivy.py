"""The gate over Trivy's findings: each smallest change to a clean scan, and the colour it turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.seen.trivy import Scan, ScannedTarget, Severity, TrivyDatabase, TrivyScan
from arcops.verdict import Verdict
from gates.model.trivy import TrivyPolicy, clean, examples, found, trivy
from tests.evidence import NOW, judged

FRESH = (TrivyDatabase(name="trivy-db", updated=NOW - timedelta(days=1)),)


def judge(body: TrivyScan, policy: TrivyPolicy | None = None) -> GateResult:
    return judged(trivy, policy or TrivyPolicy(), [body])  # type: ignore[arg-type]  # a gate of any policy


def bad(result: GateResult) -> set[tuple[str, str, Outcome]]:
    return {(each.rule, each.about, each.outcome) for each in result.findings if each.outcome is not Outcome.PASS}


CLEAN = replace(clean(), databases=FRESH)


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
@pytest.mark.parametrize("example", tuple(examples()), ids=lambda example: example.name)
def test_examples(example) -> None:  # type: ignore[no-untyped-def]  # an Example of this gate
    assert judge(example.evidence[0], example.policy).verdict is example.verdict


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_a_clean_fresh_scan_is_green() -> None:
    assert judge(CLEAN).verdict is Verdict.GREEN


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_no_evidence_is_red() -> None:
    assert judged(trivy, TrivyPolicy(), []).verdict is Verdict.RED  # type: ignore[arg-type]  # a gate of any policy


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
@pytest.mark.parametrize(
    ("severity", "outcome"),
    [
        (Severity.CRITICAL, Outcome.FAIL),
        (Severity.HIGH, Outcome.FAIL),
        (Severity.MEDIUM, Outcome.FAIL),
        (Severity.UNKNOWN, Outcome.FAIL),
        (Severity.LOW, Outcome.WARN),
    ],
)
def test_each_severity_by_default(severity: Severity, outcome: Outcome) -> None:
    result = judge(replace(CLEAN, vulnerabilities=(replace(found(), severity=severity),)))
    assert bad(result) == {("trivy/vulnerabilities", "CVE-2024-0001 in pkg:pypi/torch@2.0.0", outcome)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_what_has_no_fix_counts_unless_the_policy_sets_it_aside() -> None:
    body = replace(CLEAN, vulnerabilities=(replace(found(), fixed="", status="affected"),))
    assert judge(body).verdict is Verdict.RED
    assert judge(body, TrivyPolicy(ignore_unfixed=True)).verdict is Verdict.GREEN
    assert judge(replace(body, vulnerabilities=(found(),)), TrivyPolicy(ignore_unfixed=True)).verdict is Verdict.RED


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_one_package_in_two_targets_is_one_finding_and_the_worst_and_unfixed_counts() -> None:
    low = replace(found(), severity=Severity.LOW, target="a")
    unfixed = replace(found(), fixed="", target="z")
    for order in ((low, found(), unfixed), (unfixed, found(), low)):
        body = replace(CLEAN, vulnerabilities=order)
        findings = [each for each in judge(body).findings if each.rule == "trivy/vulnerabilities"]
        assert [each.outcome for each in findings] == [Outcome.FAIL]


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
@pytest.mark.parametrize(
    ("databases", "about"),
    [
        ((), ""),
        ((TrivyDatabase(name="trivy-db"),), "trivy-db"),
        ((TrivyDatabase(name="trivy-db", updated=NOW - timedelta(days=7, seconds=1)),), "trivy-db"),
        ((TrivyDatabase(name="trivy-db", updated=NOW + timedelta(days=2)),), "trivy-db"),
        ((*FRESH, TrivyDatabase(name="trivy-java-db", updated=datetime(2025, 1, 1, tzinfo=UTC))), "trivy-java-db"),
        ((TrivyDatabase(name="trivy-db", downloaded=NOW, next_update=NOW),), "trivy-db"),
    ],
)
@pytest.mark.requirement("ARC-2/the-age-of-data-is-judged")
def test_a_database_of_no_or_too_great_an_age_fails(databases: tuple[TrivyDatabase, ...], about: str) -> None:
    assert bad(judge(replace(CLEAN, databases=databases))) == {("trivy/database", about, Outcome.FAIL)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_a_database_of_exactly_the_age_that_is_allowed_passes() -> None:
    body = replace(CLEAN, databases=(TrivyDatabase(name="trivy-db", updated=NOW - timedelta(days=7)),))
    assert judge(body).verdict is Verdict.GREEN


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_nothing_scanned_fails() -> None:
    fs = Scan(mode="fs", path=".")
    only_config = (ScannedTarget(scan=fs, target="Dockerfile", category="config"),)
    for targets in ((), only_config):
        assert bad(judge(replace(CLEAN, scans=(fs,), targets=targets))) == {("trivy/scanned", "", Outcome.FAIL)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_an_sbom_in_which_nothing_was_seen_fails_though_another_was_scanned() -> None:
    body = replace(CLEAN, scans=(*CLEAN.scans, Scan(mode="sbom", path="other.cdx.json")))
    assert bad(judge(body)) == {("trivy/scanned", "other.cdx.json", Outcome.FAIL)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_secrets_fail_and_failed_checks_warn() -> None:
    assert bad(judge(replace(CLEAN, secrets=1))) == {("trivy/secrets", "", Outcome.FAIL)}
    assert bad(judge(replace(CLEAN, misconfigurations=1))) == {("trivy/misconfigurations", "", Outcome.WARN)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_a_policy_cannot_allow_a_negative_age() -> None:
    with pytest.raises(Refused, match="days"):
        TrivyPolicy(max_database_age_days=-1)
