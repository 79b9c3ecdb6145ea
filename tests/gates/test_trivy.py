"""The gate over Trivy's findings: each smallest change to a clean scan, and the colour it turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.seen.trivy import Scan, ScannedSystem, ScannedTarget, Severity, TrivyDatabase, TrivyScan, TrivyWarning
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


ROOT = Scan(mode="rootfs", path=".")


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
@pytest.mark.parametrize(
    ("text", "rule", "outcome"),
    [
        ('Unsupported os\tfamily="unheard"', "trivy/scanned", Outcome.UNKNOWN),
        ('This OS version is not on the EOL list\tfamily="debian" version="99"', "trivy/scanned", Outcome.UNKNOWN),
        ("Conda package is supported for SBOM, not for vulnerability scanning", "trivy/scanned", Outcome.UNKNOWN),
        ("Something that no version said before", "trivy/scanned", Outcome.WARN),
        ("[secret] Cannot open a file", "trivy/secrets", Outcome.UNKNOWN),
        ("[misconfig] Cannot load the checks", "trivy/misconfigurations", Outcome.UNKNOWN),
    ],
)
def test_what_trivy_warns_of_is_judged_by_what_it_is_about(text: str, rule: str, outcome: Outcome) -> None:
    body = replace(CLEAN, warnings=(TrivyWarning(scan=ROOT, text=text),))
    assert bad(judge(body)) == {(rule, "rootfs .", outcome)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
@pytest.mark.parametrize(
    "text",
    [
        '[misconfig] Falling back to embedded checks\terr="failed to check cache"',
        "[pip] Unable to find python `site-packages` directory. License detection is skipped.",
        "Third-party SBOM may lead to inaccurate vulnerability detection",
    ],
)
def test_what_trivy_warns_of_at_each_run_changes_nothing(text: str) -> None:
    assert judge(replace(CLEAN, warnings=(TrivyWarning(scan=ROOT, text=text),))).verdict is Verdict.GREEN


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_modes_that_disagree_about_the_system_are_not_green() -> None:
    systems = tuple(
        ScannedSystem(scan=Scan(mode=mode, path="."), family=family) for mode, family in (("fs", "debian"), ("rootfs", "none"))
    )
    assert bad(judge(replace(CLEAN, systems=systems))) == {("trivy/scanned", "rootfs .", Outcome.UNKNOWN)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
@pytest.mark.parametrize("mode", ["fs", "rootfs"])
def test_a_run_that_is_absent_is_not_known(mode: str) -> None:
    body = replace(CLEAN, scans=tuple(scan for scan in CLEAN.scans if scan.mode != mode))
    assert bad(judge(body)) == {("trivy/scanned", mode, Outcome.UNKNOWN)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_packages_asked_for_by_another_source_are_not_known() -> None:
    targets = (replace(CLEAN.targets[0], misnamed=2),)
    assert bad(judge(replace(CLEAN, targets=targets))) == {("trivy/scanned", "Python", Outcome.UNKNOWN)}


@pytest.mark.requirement("ARC-A4/trivy-findings-are-judged")
def test_the_number_of_targets_is_told_by_how_they_were_seen() -> None:
    (passed,) = (each.text for each in judge(CLEAN).findings if each.rule == "trivy/scanned")
    assert "lock files: 0, installed: 0, SBOMs: 1" in passed
