"""The report as statements that the policies of other tools know: in-toto test-result v0.1 and SLSA VSA v1.

Both are unsigned statement bytes; seal them with `artifacts.bundle.seal_statement`.
"""

from __future__ import annotations

from urllib.parse import quote

from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.statement import statement
from artifacts.typed import JSON, moment

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
VSA = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://arcops.dev/verifier/v1"

_RESULTS = {Verdict.GREEN: "PASSED", Verdict.AMBER: "WARNED", Verdict.RED: "FAILED"}


def to_test_result(report: Report) -> bytes:
    """The in-toto test-result v0.1 of *report*. A rule counts once, by its worst answer; UNKNOWN counts as failed."""
    worst: dict[str, Outcome] = {}
    for result in report.results:
        for finding in result.findings:
            before = worst.get(finding.rule, Outcome.PASS)
            worst[finding.rule] = finding.outcome if finding.outcome.verdict >= before.verdict else before

    def rules(verdict: Verdict) -> list[JSON]:
        return [rule for rule, outcome in sorted(worst.items()) if outcome.verdict is verdict]

    return statement(
        TEST_RESULT,
        [report.subject],
        {
            "result": _RESULTS[report.verdict],
            "configuration": [{"name": report.policy_name, "digest": _digest(report.policy_digest)}],
            "passedTests": rules(Verdict.GREEN),
            "warnedTests": rules(Verdict.AMBER),
            "failedTests": rules(Verdict.RED),
        },
    )


def to_vsa(report: Report, *, resource_uri: str, artifact: str = "", amber_passes: bool = False) -> bytes:
    """The SLSA Verification Summary Attestation v1 of *report*.

    PASSED only for GREEN, or for AMBER if the caller's policy says so with *amber_passes*. No SLSA level is claimed,
    because the gates judge more than a build track. *artifact* is the digest (``sha256:…``) of the sealed report.
    """
    passed = report.verdict is Verdict.GREEN or (amber_passes and report.verdict is Verdict.AMBER)
    body: dict[str, JSON] = {
        "verifier": {"id": VERIFIER},
        "timeVerified": moment(report.judged_at),
        "resourceUri": resource_uri,
        "policy": {"uri": f"urn:arcops:policy:{quote(report.policy_name, safe='')}", "digest": _digest(report.policy_digest)},
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": [] if passed else ["FAILED"],
        "slsaVersion": "1.0",
    }
    if artifact:
        body["inputAttestations"] = [{"uri": f"urn:arcops:artifact:{artifact}", "digest": _digest(artifact)}]
    return statement(VSA, [report.subject], body)


def _digest(text: str) -> JSON:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
