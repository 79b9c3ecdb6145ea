"""The advisory about a quota as a statement: what is not read as one, and what it does not tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.quota_advisory import QUOTA_ADVISORY, QuotaAdvisory
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("HOST-026-028/advisories-reach-receivers")


def advisory() -> QuotaAdvisory:
    return QuotaAdvisory(
        site="plant",
        server="time",
        quota="time-tokens-day",
        unit="tokens",
        per="day",
        used=9100,
        amount=10_000,
        since=AT - timedelta(minutes=3),
        raised=AT,
        use=f"sha256:{'1' * 64}",
        action="'arcops host quota show time' says whose use it is",
    )


def test_one_that_ended_says_so_and_others_are_as_they_were() -> None:
    assert b"ended" not in QUOTA_ADVISORY.statement(advisory()), "as before there was an end"
    over = replace(advisory(), ended=True, used=10)
    assert QUOTA_ADVISORY.read(QUOTA_ADVISORY.statement(over)) == over


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("used", "9100", "does not match its schema"),
        ("server", "other", "about another subject"),
        ("use", f"sha256:{'2' * 64}", "about another subject"),
        ("caller", "ann", "does not match its schema"),
    ],
)
def test_what_differs_is_no_advisory(name: str, value: object, why: str) -> None:
    data = QUOTA_ADVISORY.statement(advisory())
    assert QUOTA_ADVISORY.read(data) == advisory()
    document = json.loads(data)
    document["predicate"][name] = value
    with pytest.raises(Refused, match=why):
        QUOTA_ADVISORY.read(canonical(document))
