"""The rule of three zones: what is slower, what is not, and what is not decided yet."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.zones import LEAST_SESSIONS, PPM, Zone, against, compare, decided, median

pytestmark = pytest.mark.requirement("ARC-C2/noise-does-not-decide")

TIMES = st.lists(st.integers(min_value=1000, max_value=10**9), min_size=LEAST_SESSIONS, max_size=12)
STEADY = (1000, 1001, 999, 1002, 998)


def test_the_same_is_inside_and_a_tenth_slower_is_beyond() -> None:
    assert compare(STEADY, STEADY).zone(5) is Zone.INSIDE
    assert compare([time * 11 // 10 for time in STEADY], STEADY).zone(5) is Zone.BEYOND


def test_what_noise_hides_is_undecided() -> None:
    assert compare((900, 1000, 1100, 1200, 1300), STEADY).zone(5) is Zone.UNDECIDED


def test_a_figure_of_a_data_sheet_has_no_doubt_of_its_own() -> None:
    assert against(STEADY, 1000).zone(5) is Zone.INSIDE
    assert against(STEADY, 900).zone(5) is Zone.BEYOND


@given(TIMES, TIMES)
def test_the_interval_holds_the_ratio_and_comes_out_the_same_again(here: list[int], there: list[int]) -> None:
    found = compare(here, there)
    assert found.low <= found.ratio <= found.high
    assert found == compare(here, there)


@given(TIMES, TIMES, st.integers(min_value=2, max_value=50))
def test_a_slower_machine_is_never_judged_better(here: list[int], there: list[int], factor: int) -> None:
    before, after = compare(here, there), compare([time * factor for time in here], there)
    assert after.low >= before.low
    assert after.high >= before.high
    if before.zone(5) is Zone.BEYOND:
        assert after.zone(5) is Zone.BEYOND


@pytest.mark.parametrize("times", [(), (1000,) * (LEAST_SESSIONS - 1), (1000, 1000, 0, 1000, 1000)])
def test_too_little_is_no_answer(times: tuple[int, ...]) -> None:
    for pair in ((times, STEADY), (STEADY, times)):
        with pytest.raises(Refused):
            compare(*pair)


def test_the_median_of_an_even_number_lies_between() -> None:
    assert (median((1, 4, 2, 3)), median((5, 1, 3))) == (2, 3)
    assert compare(STEADY, STEADY).ratio == PPM
    with pytest.raises(Refused):
        median(())


@pytest.mark.parametrize("count", [5, 6])
def test_the_interval_is_what_all_resamples_together_say(count: int) -> None:
    """Every resample there is, one by one, of five times at once: an even number is resampled one fewer at a time."""
    here, there = [1000 + 37 * number * number for number in range(count)], [1100 + 11 * number for number in range(5)]

    def medians(times: list[int]) -> Counter[int]:
        return Counter(sorted(drawn)[2] for drawn in product(times, repeat=5))

    ratios: Counter[int] = Counter()
    for ours, many in medians(here).items():
        for theirs, more in medians(there).items():
            ratios[ours * PPM // theirs] += many * more
    whole, below, least = ratios.total(), 0, {}
    for ratio, many in sorted(ratios.items()):
        below += many
        for share in (25, 975):
            if below * 1000 >= share * whole:
                least.setdefault(share, ratio)
    found = compare(here, there)
    assert (found.low, found.high) == (least[25], least[975])


def scaled(hundredths: int) -> tuple[int, ...]:
    """A steady machine that takes *hundredths* percent of its time."""
    return tuple(time * hundredths for time in STEADY)


BEFORE = scaled(100)


@pytest.mark.parametrize(
    ("here", "zone"),
    [
        (scaled(100), Zone.INSIDE),
        (scaled(103), Zone.INSIDE),
        (scaled(105), Zone.UNDECIDED),  # at the tolerance
        (scaled(107), Zone.BEYOND),
        (scaled(120), Zone.BEYOND),
        (scaled(80), Zone.INSIDE),
        # One process of five as fast as before: it may be the others that were disturbed.
        ((*scaled(120)[:4], 100_000), Zone.UNDECIDED),
        # The median is as before, and two of five are eight percent slower: two modes.
        ((*scaled(100)[:3], 108_000, 108_100), Zone.INSIDE),
        ((*scaled(100)[:3], 112_000, 112_100), Zone.UNDECIDED),
        ((*scaled(104)[:3], 108_000, 108_100), Zone.UNDECIDED),  # beyond three quarters of the tolerance
    ],
)
def test_runs_are_slow_only_if_every_one_is_and_good_only_if_the_noise_is_small(here: tuple[int, ...], zone: Zone) -> None:
    """Mutations: the fastest session, the second interval, the three quarters, or the doubled tolerance do not count."""
    assert decided(here, BEFORE, 5) is zone


ORDER = [Zone.INSIDE, Zone.UNDECIDED, Zone.BEYOND]


@given(TIMES, TIMES, st.integers(min_value=2, max_value=50))
def test_a_slower_machine_is_never_decided_better(here: list[int], there: list[int], factor: int) -> None:
    before, after = decided(here, there, 5), decided([time * factor for time in here], there, 5)
    assert ORDER.index(after) >= ORDER.index(before)


@given(TIMES, TIMES, st.integers(min_value=1, max_value=49))
def test_a_larger_tolerance_never_decides_worse(here: list[int], there: list[int], tolerance: int) -> None:
    assert ORDER.index(decided(here, there, tolerance + 1)) <= ORDER.index(decided(here, there, tolerance))
