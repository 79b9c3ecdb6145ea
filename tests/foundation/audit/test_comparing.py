"""What was done to a list is found again, whatever it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foundation.audit.comparing import Difference, Kind, differences

FIRST = [b"%d" % number for number in range(12)]


def only(kind: Kind, *, was: int | None = None, now: int | None = None) -> tuple[Difference, ...]:
    return (Difference(kind=kind, was=was, now=now),)


def test_each_single_change_is_named_exactly() -> None:
    for place in range(len(FIRST)):
        assert differences(FIRST, [*FIRST[:place], b"x", *FIRST[place + 1 :]]) == only(Kind.CHANGED, was=place, now=place)
        assert differences(FIRST, [*FIRST[:place], *FIRST[place + 1 :]]) == only(Kind.REMOVED, was=place)
        assert differences(FIRST, [*FIRST[:place], b"x", *FIRST[place:]]) == only(Kind.ADDED, now=place)


def test_a_pair_that_changed_places_is_one_move() -> None:
    for place in range(len(FIRST) - 1):
        (found,) = differences(FIRST, [*FIRST[:place], FIRST[place + 1], FIRST[place], *FIRST[place + 2 :]])
        assert found.kind is Kind.MOVED
        assert {found.was, found.now} == {place, place + 1}


def test_equal_lists_do_not_differ() -> None:
    assert differences(FIRST, FIRST) == ()
    assert differences([], []) == ()
    assert differences([b"x", b"x"], [b"x"]) == only(Kind.REMOVED, was=1)


@given(first=st.lists(st.sampled_from(FIRST), max_size=15, unique=True), second=st.lists(st.sampled_from(FIRST), max_size=15))
def test_the_differences_account_for_every_entry(first: list[bytes], second: list[bytes]) -> None:
    found = differences(first, second)
    count = {kind: sum(one.kind is kind for one in found) for kind in Kind}
    assert bool(found) == (first != second)
    assert len(first) - count[Kind.REMOVED] + count[Kind.ADDED] == len(second)
    for one in found:
        if one.kind is Kind.MOVED:
            assert first[one.was or 0] == second[one.now or 0]
        if one.kind is Kind.CHANGED:
            assert first[one.was or 0] != second[one.now or 0]


@given(second=st.permutations(FIRST))
def test_in_another_order_as_few_as_possible_moved(second: list[bytes]) -> None:
    moved = differences(FIRST, second)
    assert {one.kind for one in moved} <= {Kind.MOVED}
    stayed = [FIRST.index(one) for number, one in enumerate(second) if number not in {move.now for move in moved}]
    assert stayed == sorted(stayed)
