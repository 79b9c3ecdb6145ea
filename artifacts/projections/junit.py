"""The report as JUnit XML, which CI systems show as tests: a gate is a suite, a finding is a case."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from arcops.finding import Finding, Outcome
from arcops.result import Report
from artifacts.typed import moment

# XML 1.0, section 2.2: what may stand in a document at all.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> bytes:
    """*report* as JUnit XML: FAIL is a failure, UNKNOWN an error; WARN passes, with its text in the output."""
    root = Element("testsuites", name=_text(report.subject.name))
    root.attrib.update(_counts([finding for result in report.results for finding in result.findings]))
    for result in report.results:
        suite = SubElement(root, "testsuite", name=_text(result.gate), timestamp=moment(report.judged_at))
        suite.attrib.update(_counts(result.findings))
        for finding in result.findings:
            _case(suite, result.gate, finding)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _counts(findings: list[Finding] | tuple[Finding, ...]) -> dict[str, str]:
    outcomes = [finding.outcome for finding in findings]
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count(Outcome.FAIL)),
        "errors": str(outcomes.count(Outcome.UNKNOWN)),
    }


def _case(suite: Element, gate: str, finding: Finding) -> None:
    name = f"{finding.rule} [{finding.about}]" if finding.about else finding.rule
    case = SubElement(suite, "testcase", classname=_text(gate), name=_text(name))
    if finding.location is not None:
        case.set("file", _text(finding.location.path))
        if finding.location.line > 0:
            case.set("line", str(finding.location.line))
    match finding.outcome:
        case Outcome.FAIL | Outcome.UNKNOWN:
            kind = "failure" if finding.outcome is Outcome.FAIL else "error"
            said = SubElement(case, kind, message=_text(finding.text), type=finding.outcome.value)
            said.text = _text(finding.fix)
        case Outcome.WARN | Outcome.PASS:
            words = f"{finding.outcome.value}: {finding.text}"
            if finding.waiver is not None:
                waiver = finding.waiver
                words += f" Waived by {waiver.owner} until {moment(waiver.expires)}: {waiver.reason}"
            SubElement(case, "system-out").text = _text(words)


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
