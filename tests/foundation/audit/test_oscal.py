"""Assessment results in OSCAL 1.1.3, held to what its definition requires of the members that we write."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.audit.oscal import Observed, assessment, control_id

pytestmark = pytest.mark.requirement("BASE-4/audit-report")

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
ARTIFACT = "sha256:" + "ab" * 32
RECORDS = Observed(
    framework="NIST SP 800-53 r5",
    control="AC-6(9)",
    method="EXAMINE",
    evidence="privileged calls are recorded",
    times=2,
    links=("node-0001:1", "node-0001:7"),
)
GATE = replace(RECORDS, control="RA-5", method="TEST", evidence="the gate vulnerabilities judged", links=(ARTIFACT,))
TOKEN = re.compile(r"[^\W\d][\w.-]*")


def made(*rows: Observed, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    found = assessment(rows, site="plant-7", begin=AT - timedelta(days=1), end=AT, at=AT, left_out=left_out)
    whole: dict[str, Any] = json.loads(json.dumps(found))["assessment-results"]
    return whole


def test_it_has_what_the_language_requires() -> None:
    found = made(RECORDS, GATE)
    assert set(found) == {"uuid", "metadata", "import-ap", "results", "back-matter"}
    assert set(found["metadata"]) == {"title", "last-modified", "version", "oscal-version"}
    (result,) = found["results"]
    assert {"uuid", "title", "description", "start", "reviewed-controls"} <= set(result)
    selected = result["reviewed-controls"]["control-selections"]
    assert [one["control-id"] for one in selected[0]["include-controls"]] == ["ac-6.9", "ra-5"]
    for one in result["observations"]:
        assert {"uuid", "description", "methods", "collected"} <= set(one)
        assert set(one["methods"]) <= {"EXAMINE", "INTERVIEW", "TEST"}


def test_every_reference_leads_to_a_resource_of_the_document() -> None:
    found = made(RECORDS, GATE)
    there = {one["uuid"] for one in found["back-matter"]["resources"]}
    text = json.dumps(found)
    assert set(re.findall(r'"#([^"]+)"', text)) == there
    ids = re.findall(r'"uuid": "([^"]+)"', text)
    assert len(ids) == len(set(ids))
    (artifact,) = (one for one in found["back-matter"]["resources"] if "rlinks" in one)
    assert artifact["rlinks"][0]["hashes"] == [{"algorithm": "SHA-256", "value": "ab" * 32}]


def test_it_never_says_that_a_control_is_met() -> None:
    """Mutation: a finding, which in OSCAL has to say whether an objective is satisfied."""
    text = json.dumps(made(RECORDS, GATE)).lower()
    assert "findings" not in text
    assert "satisfied" not in text
    assert "complian" not in text


def test_a_row_without_a_link_is_no_observation() -> None:
    found = made(replace(RECORDS, links=(), times=0))["results"][0]
    assert "observations" not in found
    assert "include-controls" not in found["reviewed-controls"]["control-selections"][0]


def test_what_does_not_count_is_said() -> None:
    assert "node-0002" in made(RECORDS, left_out=("node-0002",))["results"][0]["remarks"]


def test_the_same_rows_at_the_same_moment_are_the_same_document() -> None:
    assert made(RECORDS, GATE) == made(RECORDS, GATE)


@pytest.mark.parametrize(
    ("framework", "number", "expected"),
    [
        ("NIST SP 800-53 r5", "AC-6(9)", "ac-6.9"),
        ("NIST SP 800-53 r5", "SI-2", "si-2"),
        ("SOC 2 (TSC)", "CC6.1", "cc6.1"),
        ("HIPAA 45 CFR", "164.308(a)(5)(ii)(B)", "hipaa-cfr-164.308.a.5.ii.b"),
        ("GDPR", "Art. 32(1)(d)", "art.32.1.d"),
    ],
)
def test_ids_are_those_of_the_catalog_and_always_tokens(framework: str, number: str, expected: str) -> None:
    assert control_id(framework, number) == expected
    assert TOKEN.fullmatch(expected)
