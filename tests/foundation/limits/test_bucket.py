"""The arithmetic of a bucket, against a plain one that counts tokens; and the windows of quotas."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.limits.bucket import of_bucket, of_quota
from foundation.limits.rules import DAY, MONTH, windows

pytestmark = pytest.mark.requirement("HOST-025/rate-limits")

GAPS = st.lists(st.integers(min_value=0, max_value=500), min_size=1, max_size=80)


@given(GAPS, st.integers(min_value=1, max_value=100), st.integers(min_value=1, max_value=20))
def test_a_bucket_lets_through_exactly_what_one_with_tokens_does(gaps: list[int], interval: int, burst: int) -> None:
    mark, now = 0, 1_000
    tokens, at = Fraction(burst), now
    for gap in gaps:
        now += gap
        tokens = min(Fraction(burst), tokens + Fraction(now - at, interval))
        at = now
        mark, standing = of_bucket(mark, now, interval, burst)
        assert standing.let == (tokens >= 1)
        tokens -= 1 if standing.let else 0
        assert standing.remain == int(tokens)
        if not standing.let:
            assert of_bucket(mark, now + standing.wait, interval, burst)[1].let, "after the wait it is let through"
            assert not of_bucket(mark, now + standing.wait - 1, interval, burst)[1].let, "and not before"
        assert of_bucket(mark, now + standing.reset, interval, burst)[1].remain == burst - 1, "all are back"


@given(GAPS, st.integers(min_value=1, max_value=100), st.integers(min_value=1, max_value=20))
def test_no_window_has_more_calls_than_its_burst_and_rate(gaps: list[int], interval: int, burst: int) -> None:
    mark, now, let = 0, 0, []
    for gap in gaps:
        now += gap
        mark, standing = of_bucket(mark, now, interval, burst)
        if standing.let:
            let.append(now)
    for first, begun in enumerate(let):
        for last, ended in enumerate(let[first:], first):
            assert last - first + 1 <= burst + (ended - begun) // interval


@given(st.integers(0, 50), st.integers(1, 50), st.integers(1, 5))
def test_a_quota_is_never_exceeded(used: int, most: int, calls: int) -> None:
    standing = of_quota(used, 10, most, calls)
    assert standing.let == (used + calls <= most)
    assert standing.used == (used + calls if standing.let else used)
    assert standing.remain == max(0, most - standing.used)


@given(st.integers(86_400_000, 7_000_000_000_000), st.sampled_from((DAY, MONTH)))
def test_a_moment_is_in_one_window_only(now: int, per: str) -> None:
    before, end, following = windows(per, now)
    assert before <= now < end < following
    assert windows(per, before) == windows(per, now), "the first moment is in the window"
    assert windows(per, end)[1] == following
    ended = datetime.fromtimestamp(end / 1000, UTC)
    assert (ended.hour, ended.minute, ended.second) == (0, 0, 0)
    assert per == DAY or ended.day == 1
