"""Two clocks: a little ahead is a warning, more is the future, and the policy says where the line is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.clock import Ahead, ahead, offset
from arcops.errors import Refused
from arcops.policy import MOST_SKEW, SKEW
from flows.policies.reading import parse_policy
from tests.sketch import NUMBER

pytestmark = pytest.mark.requirement("ARC-4/wrong-clocks-are-not-trusted")
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@given(st.integers(-10_000, 10_000), st.integers(0, 3600))
def test_a_moment_is_past_or_inside_or_outside(seconds: int, skew: int) -> None:
    found = ahead(NOW + timedelta(seconds=seconds), at=NOW, skew=timedelta(seconds=skew))
    assert found is (Ahead.NO if seconds <= 0 else Ahead.INSIDE if seconds <= skew else Ahead.OUTSIDE)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (timedelta(seconds=20), "20 s"),
        (timedelta(minutes=3), "3 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=14), "14 days"),
    ],
)
def test_an_offset_is_said_in_its_largest_unit(by: timedelta, said: str) -> None:
    assert offset(NOW + by, NOW) == said


def policy(skew: str) -> timedelta:
    text = f"name: site\nvalidFor: P7D\n{skew}gates:\n  number: {{most: 4}}\n"
    return parse_policy(text.encode(), where="site.yaml", gates=[NUMBER]).clock_skew


def test_a_policy_names_the_skew_or_takes_two_minutes() -> None:
    assert policy("") == SKEW == timedelta(minutes=2)
    assert policy("clockSkew: PT30S\n") == timedelta(seconds=30)
    assert policy("clockSkew: PT0S\n") == timedelta(0)
    assert policy("clockSkew: PT1H\n") == MOST_SKEW


@pytest.mark.parametrize("wrong", ["PT61M", "-PT1S", "P9999D"])
def test_a_skew_that_no_honest_clocks_have_is_refused(wrong: str) -> None:
    with pytest.raises(Refused, match="PT1H"):
        policy(f"clockSkew: {wrong}\n")
