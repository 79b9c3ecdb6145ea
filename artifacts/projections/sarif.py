"""The report as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

from arcops.finding import Finding, Outcome, Rule
from arcops.result import Report
from artifacts.typed import JSON, moment

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# UNKNOWN is an error: what could not be seen is as bad as what failed. PASS is kept, as SARIF's kind 'pass'.
_LEVELS = {Outcome.PASS: "none", Outcome.WARN: "warning", Outcome.FAIL: "error", Outcome.UNKNOWN: "error"}


def to_sarif(report: Report, rules: Iterable[Rule] = (), *, version: str = "1") -> bytes:
    """*report* as a SARIF log with one run. *rules* give each rule's question and fix; others get their id alone."""
    known = {rule.id: rule for rule in rules}
    findings = [finding for result in report.results for finding in result.findings]
    ids = sorted({finding.rule for finding in findings})
    run: dict[str, JSON] = {
        "tool": {
            "driver": {"name": "ArcOps", "semanticVersion": version, "rules": [_rule(name, known.get(name)) for name in ids]}
        },
        "invocations": [{"executionSuccessful": not report.missing, "endTimeUtc": moment(report.judged_at)}],
        "results": [_result(finding, ids.index(finding.rule)) for finding in findings],
        "properties": {
            "subject": report.subject.name,
            "verdict": report.verdict.value,
            "policy": report.policy_name,
            "policyDigest": report.policy_digest,
            "tier": report.tier.value,
            "validUntil": moment(report.valid_until),
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False).encode()


def _rule(name: str, rule: Rule | None) -> JSON:
    described: dict[str, JSON] = {"id": name}
    if rule is not None:
        described |= {"shortDescription": {"text": rule.asks}, "help": {"text": rule.fix}}
    return described


def _result(finding: Finding, index: int) -> JSON:
    result: dict[str, JSON] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "pass" if finding.outcome is Outcome.PASS else "fail",
        "level": _LEVELS[finding.outcome],
        "message": {"text": f"{finding.text} {finding.fix}".rstrip()},
        "properties": {"outcome": finding.outcome.value, "about": finding.about, "cites": list(finding.cites)},
    }
    if finding.location is not None:
        place: dict[str, JSON] = {"artifactLocation": {"uri": quote(finding.location.path)}}
        if finding.location.line > 0:
            place["region"] = {"startLine": finding.location.line}
        result["locations"] = [{"physicalLocation": place}]
    if finding.waiver is not None:
        waiver = finding.waiver
        words = f"{waiver.reason} ({waiver.owner}, until {moment(waiver.expires)})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": words}]
    return result
