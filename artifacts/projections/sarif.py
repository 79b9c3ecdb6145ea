"""The report as SARIF 2.1.0 (OASIS, with errata 01), which code hosts and editors show beside the files.

Section numbers below are those of that standard. Passed rules are counted and not listed, because code hosts show every result
as a problem, whatever its kind. For the same reason each result has a location: the subject, if no place inside it is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

from arcops.finding import Finding, Outcome, Rule
from arcops.late_pattern import late
from arcops.result import Report
from artifacts.projections.patches import TextChange, changes
from artifacts.typed import JSON, moment

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# UNKNOWN is an error: what could not be checked is as bad as what failed.
_LEVELS = {Outcome.WARN: "warning", Outcome.FAIL: "error", Outcome.UNKNOWN: "error"}
_LINK = late(r"](?=\()")


def to_sarif(report: Report, rules: Iterable[Rule] = (), *, version: str = "1") -> bytes:
    """*report* as a SARIF log with one run. *rules* give each rule's question and fix; other rules have only their id."""
    known = {rule.id: rule for rule in rules}
    findings = [finding for result in report.results for finding in (result.findings or (_silent(result.gate),))]
    findings = findings or [_silent("arcops")]
    ids = sorted({finding.rule for finding in findings})
    at = {name: index for index, name in enumerate(ids)}
    bad = [finding for finding in findings if finding.outcome is not Outcome.PASS]
    run: dict[str, JSON] = {
        # `version` is free text; a `semanticVersion` would have to be one by semver.org, which Python's need not be.
        "tool": {"driver": {"name": "ArcOps", "version": version, "rules": [_rule(name, known.get(name)) for name in ids]}},
        "invocations": [{"executionSuccessful": not report.missing, "endTimeUtc": moment(report.judged_at)}],
        "results": [_result(finding, at[finding.rule], report.subject.name) for finding in bad],
        "properties": {
            "subject": report.subject.name,
            "verdict": report.verdict.value,
            "passed": len(findings) - len(bad),
            "policy": report.policy_name,
            "policyDigest": report.policy_digest,
            "tier": report.tier.value,
            "validUntil": moment(report.valid_until),
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False).encode()


def _silent(gate: str) -> Finding:
    """A finding for a gate without findings: its verdict is RED, and an empty list would look clean."""
    return Finding(rule=f"{gate}/judged", outcome=Outcome.UNKNOWN, text="The gate gave no findings, so its result is unknown.")


def _rule(name: str, rule: Rule | None) -> JSON:
    described: dict[str, JSON] = {"id": name}
    if rule is not None:
        described |= {"shortDescription": {"text": rule.asks}, "help": {"text": rule.fix}}
    return described


def _result(finding: Finding, index: int, subject: str) -> JSON:
    place: dict[str, JSON] = {"artifactLocation": {"uri": _uri(finding.location.path if finding.location else subject)}}
    if finding.location is not None and finding.location.line > 0:
        place["region"] = {"startLine": finding.location.line}
    result: dict[str, JSON] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "fail",
        "level": _LEVELS[finding.outcome],
        "message": {"text": _message(f"{finding.text} {finding.fix}".rstrip())},
        "locations": [{"physicalLocation": place}],
        "properties": {"outcome": finding.outcome.value, "about": finding.about, "cites": list(finding.cites)},
    }
    found = changes(finding.patch)
    if found:
        result["fixes"] = [{"description": {"text": _message(finding.fix or finding.text)}, "artifactChanges": _changed(found)}]
    if finding.waiver is not None:
        waiver = finding.waiver
        words = f"{waiver.reason} ({waiver.owner}, until {moment(waiver.expires)})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": words}]
    return result


def _changed(found: tuple[TextChange, ...]) -> list[JSON]:
    """The changes of a patch, file by file (3.56), in whole lines. A new file begins as one empty line."""
    by_file: dict[str, list[JSON]] = {}
    for one in found:
        text = "\n".join(one.lines) + ("" if one.first else "\n")
        region: dict[str, JSON] = {"startLine": max(one.first, 1), "endLine": max(one.last, 1)}
        if not one.first:
            region |= {"startColumn": 1, "endColumn": 1}
        by_file.setdefault(one.path, []).append({"deletedRegion": region, "insertedContent": {"text": text}})
    return [{"artifactLocation": {"uri": _uri(path)}, "replacements": made} for path, made in by_file.items()]


def _message(text: str) -> str:
    """*text* as a plain text message: one line, braces doubled (3.11.5), and nothing that looks like a link (3.11.6)."""
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return _LINK.sub("] ", line).replace("{", "{{").replace("}", "}}")


def _uri(path: str) -> str:
    """*path* as a relative reference: with a leading slash it would name another folder, or another host."""
    inner = path.lstrip("/")
    return "%2F" * (len(path) - len(inner)) + quote(inner)
