"""The approval of a waiver as a statement: its bytes, and what is not read as one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.finding import Waiver
from artifacts.canonical import canonical
from artifacts.waiver_approval import Approver, WaiverApproval, approval_from, approval_statement, waiver_digest
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("BASE-3/approving-is-a-permission")

WAIVER = Waiver(
    rule="integrity/executables",
    owner="Ada",
    reason="packed elsewhere",
    expires=AT + timedelta(days=30),
    about="config.json",
    digest=f"sha256:{'1' * 64}",
)


def approval() -> WaiverApproval:
    return WaiverApproval(
        policy="ours",
        waiver=WAIVER,
        approver=Approver(issuer="https://login.example.org", tenant="acme", id="7f3"),
        approved_at=AT,
        access_policy=f"sha256:{'2' * 64}",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "integrity/links"},
        {"subject": "tiny*"},
        {"owner": "Eve"},
        {"reason": "packed elsewhere "},
        {"expires": AT + timedelta(days=31)},
        {"about": ""},
        {"digest": f"sha256:{'3' * 64}"},
        {"digest": "", "any_content": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_waiver_that_differs_in_anything_is_another(change: dict[str, Any]) -> None:
    assert waiver_digest(replace(WAIVER, **change)) != waiver_digest(WAIVER)


def _subject(document: dict[str, Any]) -> None:
    document["subject"][0]["digest"]["sha256"] = "4" * 64


def _waiver(document: dict[str, Any]) -> None:
    document["predicate"]["waiver"]["expires"] = "2031-01-01T00:00:00Z"


def _no_one(document: dict[str, Any]) -> None:
    document["predicate"]["approver"]["id"] = ""


def _no_policy(document: dict[str, Any]) -> None:
    document["predicate"]["policy"] = ""


def _more(document: dict[str, Any]) -> None:
    document["predicate"]["role"] = "admin"


def _other_type(document: dict[str, Any]) -> None:
    document["predicateType"] = "https://arcops.dev/predicates/waiver-approval/v2"


@pytest.mark.parametrize("change", [_subject, _waiver, _no_one, _no_policy, _more, _other_type], ids=lambda one: one.__name__)
def test_a_statement_that_contradicts_itself_is_none(change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(approval_statement(approval()))
    change(document)
    with pytest.raises(Refused):
        approval_from(canonical(document))


def test_other_bytes_of_the_same_values_are_none() -> None:
    with pytest.raises(Refused, match="canonically"):
        approval_from(json.dumps(json.loads(approval_statement(approval()))).encode())


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(Refused):
        approval_from(data)
