"""The signed statement: nothing is lost on the way out, nothing false comes back in."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from artifacts import wire
from artifacts.canonical import canonical
from artifacts.projections.junit import to_junit
from artifacts.projections.markdown import to_markdown
from artifacts.projections.sarif import to_sarif
from artifacts.projections.statements import to_test_result, to_vsa
from artifacts.statement import from_statement, to_statement
from artifacts.typed import dump, moment
from tests.artifacts.reports import full_report

pytestmark = pytest.mark.requirement("ARC-1/signed-json")
GOLDENS = Path(__file__).parent / "goldens"

PROJECTIONS: dict[str, Callable[[], bytes]] = {
    "readiness-report-v1.json": lambda: to_statement(full_report()),
    "test-result.json": lambda: to_test_result(full_report()),
    "vsa.json": lambda: to_vsa(full_report(), resource_uri="pkg:generic/all-minilm", artifact="sha256:" + "3a" * 32),
    "report.sarif": lambda: to_sarif(full_report()),
    "report.junit.xml": lambda: to_junit(full_report()),
    "report.md": lambda: to_markdown(full_report()),
}


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_format_is_byte_for_byte_the_golden_that_a_person_read(name: str) -> None:
    assert PROJECTIONS[name]() == (GOLDENS / name).read_bytes()


def leaves(value: object, where: str = "report") -> Iterator[tuple[str, object]]:
    match value:
        case tuple():
            for item in value:
                yield from leaves(item, where)
            if not value:
                yield where, ""
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from leaves(getattr(value, field.name), f"{where}.{field.name}")
        case _:
            yield where, value


def in_json(value: object) -> Iterator[object]:
    match value:
        case dict():
            for item in value.values():
                yield from in_json(item)
        case list():
            for item in value:
                yield from in_json(item)
        case _:
            yield value


@pytest.mark.requirement("ARC-2/the-tier-is-in-the-artifact")
def test_every_field_of_the_report_reaches_what_is_signed() -> None:
    signed = set(in_json(json.loads((GOLDENS / "readiness-report-v1.json").read_bytes())))
    filled: set[str] = set()

    for where, value in leaves(full_report()):
        plain = value.value if isinstance(value, Enum) else moment(value) if isinstance(value, datetime) else value
        assert plain in signed or plain == "", f"{where} = {plain!r} is not in the signed bytes"
        if plain not in ("", None, 0):
            filled.add(where)
    for where, _ in leaves(full_report()):
        if where.endswith(".any_content"):
            continue  # a waiver names a digest or any content, never both; the other way is tested below
        assert any(f"{path}.".startswith(f"{where}.") for path in filled), f"{where} is empty, so its golden proves nothing"


def test_it_comes_back_as_it_was() -> None:
    assert from_statement(to_statement(full_report())) == full_report()


def test_a_report_without_a_site_says_so_by_saying_nothing() -> None:
    from dataclasses import replace

    nameless = replace(full_report(), site="")
    document = json.loads(to_statement(nameless))

    assert "site" not in document["predicate"]
    assert from_statement(to_statement(nameless)) == nameless


def test_a_finding_without_a_patch_says_so_by_saying_nothing() -> None:
    document = json.loads(to_statement(full_report()))
    said = [one for result in document["predicate"]["results"] for one in result["findings"]]

    assert ["patch" in one for one in said] == [False, True, False, False]
    said[0]["patch"] = ""
    with pytest.raises(Refused, match="patch"):
        from_statement(canonical(document))


def test_a_waiver_for_any_content_says_so_and_one_of_an_earlier_release_says_neither() -> None:
    report = full_report()
    (gate,) = (one for one in report.results if one.gate == "vulnerabilities")
    finding, *rest = gate.findings
    assert finding.waiver is not None
    for changes, said in (({"any_content": True}, {"anyContent"}), ({}, set())):
        waiver = replace(finding.waiver, digest="", **changes)  # type: ignore[arg-type]  # a real field
        waived = replace(gate, findings=(replace(finding, waiver=waiver), *rest))
        changed = replace(report, results=tuple(waived if one is gate else one for one in report.results))
        document = json.loads(to_statement(changed))
        written = document["predicate"]["results"][1]["findings"][0]["waiver"]
        assert written.keys() & {"digest", "anyContent"} == said
        assert from_statement(to_statement(changed)) == changed
        for empty in ({"digest": ""}, {"anyContent": False}):
            written_out = copy.deepcopy(document)
            written_out["predicate"]["results"][1]["findings"][0]["waiver"].update(empty)
            with pytest.raises(Refused):
                from_statement(canonical(written_out))


def test_the_light_path_writes_what_pydantic_writes() -> None:
    assert dump(full_report()) == without_empty_patches(wire.to_json(full_report()))


def without_empty_patches(value: Any) -> Any:
    """The one thing that the two do not share: pydantic writes a patch, or any content, that is not there as an empty one."""
    if isinstance(value, list):
        return [without_empty_patches(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_empty_patches(one)
        for name, one in value.items()
        if (name, one) not in (("patch", ""), ("anyContent", False))
    }


def set_at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        here: Any = document
        for part in way:
            here = here[part]
        if value is DELETE:
            del here[last]
        else:
            here[last] = value

    return change


DELETE = object()
CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a better verdict": set_at("predicate.verdict", "AMBER"),
    "a better gate": set_at("predicate.results.1.verdict", "AMBER"),
    "a better finding": set_at("predicate.results.0.findings.0.outcome", "FAIL"),
    "no gate at all, and GREEN": lambda document: document["predicate"].update(results=[], verdict="GREEN"),
    "an unknown verdict": set_at("predicate.verdict", "BLUE"),
    "an unknown field": set_at("predicate.note", "fine"),
    "an unknown field deep inside": set_at("predicate.results.0.findings.0.note", "fine"),
    "a missing field": set_at("predicate.runner", DELETE),
    "a missing field deep inside": set_at("predicate.results.0.findings.0.waiver", DELETE),
    "another subject outside": set_at("subject.0.name", "other"),
    "another digest outside": set_at("subject.0.digest.sha256", "00" * 32),
    "a second subject": lambda document: document["subject"].append(copy.deepcopy(document["subject"][0])),
    "another predicate type": set_at("predicateType", "https://example.org/p"),
    "another statement type": set_at("_type", "https://in-toto.io/Statement/v0.1"),
    "a citation of nothing": set_at("predicate.results.0.findings.0.cites.0", "sha256:" + "00" * 32),
    "trust roots that no one used": set_at("predicate.trustRoots.0.name", "other"),
    "fresher data": set_at("predicate.dataDates.1.dated", "2026-11-20T00:00:00Z"),
    "another collector": set_at("predicate.collectors.0.version", "9"),
    "an end before the start": set_at("predicate.validUntil", "2026-11-21T11:59:59Z"),
    "a wrong moment": set_at("predicate.judgedAt", "2026-13-21T12:00:00Z"),
    "a moment without a zone": set_at("predicate.judgedAt", "2026-11-21T12:00:00"),
    "a moment and a line break": set_at("predicate.judgedAt", "2026-11-21T12:00:00Z\n"),
    "a number for a string": set_at("predicate.runner", 1),
    "true for a number": set_at("predicate.results.1.findings.0.location.line", True),
    "null for a list": set_at("predicate.missing", None),
    "a site that is empty, which would be a second way to say none": set_at("predicate.site", ""),
    "a site that is no text": set_at("predicate.site", 7),
    "a waiver without an owner": set_at("predicate.results.1.findings.0.waiver.owner", " "),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_and_it_is_refused(name: str) -> None:
    document = json.loads(to_statement(full_report()))
    CHANGES[name](document)

    with pytest.raises(Refused) as refusal:
        from_statement(canonical(document))

    assert len(str(refusal.value)) < 600
    assert "\n" not in str(refusal.value)


def test_projections_of_a_green_and_an_amber_report_say_so() -> None:
    from dataclasses import replace

    from arcops.verdict import Verdict

    green = replace(full_report(), verdict=Verdict.GREEN, results=full_report().results[:1])
    weak = replace(full_report().results[1], verdict=Verdict.AMBER, findings=full_report().results[1].findings[:1])
    amber = replace(full_report(), verdict=Verdict.AMBER, results=(full_report().results[0], weak))

    def vsa(report: Any, **options: Any) -> str:
        said: str = json.loads(to_vsa(report, resource_uri="x:y", **options))["predicate"]["verificationResult"]
        return said

    assert [json.loads(to_test_result(r))["predicate"]["result"] for r in (green, amber)] == ["PASSED", "WARNED"]
    assert [vsa(green), vsa(amber), vsa(amber, amber_passes=True)] == ["PASSED", "FAILED", "PASSED"]
    assert vsa(full_report(), amber_passes=True) == "FAILED"


def test_markdown_of_hostile_text_stays_text() -> None:
    from dataclasses import replace

    report = full_report()
    bad = replace(report, subject=replace(report.subject, name="<script>alert(1)</script>|[x](javascript:y)\n# GREEN"))

    assert to_markdown(bad).decode().splitlines()[0] == (
        "# RED: \\<script\\>alert\\(1\\)\\</script\\>\\|\\[x\\]\\(javascript:y\\) \\# GREEN"
    )


def test_in_totos_own_library_reads_the_projections() -> None:
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
    from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary

    result = ParseDict(json.loads(PROJECTIONS["test-result.json"]())["predicate"], TestResult())
    words = json.loads(PROJECTIONS["vsa.json"]())["predicate"]
    assert words.pop("verifiedLevels") == ["FAILED"]  # a list in SLSA 1.0's text, one string in that library's protobuf
    summary = ParseDict(words, VerificationSummary())

    assert list(result.failed_tests) == ["vulnerabilities/fresh", "vulnerabilities/judged"]
    assert (summary.verification_result, summary.verifier.id) == ("FAILED", "https://arcops.dev/verifier/v1")
