"""The report as JUnit XML, which CI systems show as tests: a gate is a suite, a finding is a case.

There is no standard, but many tools follow a schema: `junit-10.xsd` of Jenkins' xUnit plugin. The output is valid by it. GitLab
shows the content of a failure and not its message; if two cases have one name, it shows only the first.
"""

from __future__ import annotations

from collections import Counter
from xml.etree.ElementTree import Element, SubElement, tostring

from arcops.finding import Finding, Outcome
from arcops.late_pattern import late
from arcops.result import Report
from artifacts.typed import moment

# XML 1.0, section 2.2: the characters that a document may have.
_FORBIDDEN = late("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> bytes:
    """*report* as JUnit XML: FAIL is a failure, UNKNOWN an error; WARN passes, with its text in the output."""
    suites = [(result.gate, result.findings or (_silent(result.gate),)) for result in report.results]
    suites = suites or [("arcops", (_silent("arcops"),))]
    root = Element("testsuites", name=_text(report.subject.name))
    root.attrib.update(_counts([finding for _, findings in suites for finding in findings]))
    for gate, findings in suites:
        suite = SubElement(root, "testsuite", name=_text(gate), timestamp=moment(report.judged_at))
        suite.attrib.update(_counts(findings))
        for name, finding in zip(_names(findings), findings, strict=True):
            _case(suite, gate, name, finding)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _silent(gate: str) -> Finding:
    """A finding for a gate without findings: its verdict is RED, and a suite without cases would look good."""
    return Finding(rule=f"{gate}/judged", outcome=Outcome.UNKNOWN, text="The gate gave no findings, so its result is unknown.")


def _names(findings: tuple[Finding, ...]) -> list[str]:
    """A unique name for each finding."""
    plain = [_text(f"{finding.rule} [{finding.about}]" if finding.about else finding.rule) for finding in findings]
    taken, met, names = set(plain), Counter[str](), []
    for name in plain:
        met[name] += 1
        other = name
        while met[name] > 1 and other in taken:
            other = f"{name} ({met[name]})"
            met[name] += other in taken
        taken.add(other)
        names.append(other)
    return names


def _counts(findings: list[Finding] | tuple[Finding, ...]) -> dict[str, str]:
    outcomes = [finding.outcome for finding in findings]
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count(Outcome.FAIL)),
        "errors": str(outcomes.count(Outcome.UNKNOWN)),
    }


def _case(suite: Element, gate: str, name: str, finding: Finding) -> None:
    case = SubElement(suite, "testcase", classname=_text(gate), name=name)
    match finding.outcome:
        case Outcome.FAIL | Outcome.UNKNOWN:
            kind = "failure" if finding.outcome is Outcome.FAIL else "error"
            said = SubElement(case, kind, message=_text(finding.text), type=finding.outcome.value)
            said.text = _text("\n".join(line for line in (finding.text, _where(finding), finding.fix) if line))
        case Outcome.WARN | Outcome.PASS:
            words = f"{finding.outcome.value}: {finding.text}"
            if finding.waiver is not None:
                waiver = finding.waiver
                words += f" Waived by {waiver.owner} until {moment(waiver.expires)}: {waiver.reason}"
            SubElement(case, "system-out").text = _text("\n".join(line for line in (words, _where(finding)) if line))


def _where(finding: Finding) -> str:
    if finding.location is None:
        return ""
    return f"In {finding.location.path}" + (f", line {finding.location.line}" if finding.location.line > 0 else "")


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
