"""How often one address may begin: a bucket each, as many as there is room for, and none is forgotten while it counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.limits.beginnings import Beginnings, network
from foundation.limits.memory import Memory

pytestmark = pytest.mark.requirement("HOST-025/beginnings-by-address")


class Clock:
    """Microseconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_an_address_waits_and_may_again() -> None:
    clock = Clock()
    begun = Beginnings(each=60, memory=Memory(clock=clock))
    assert [begun.wait("192.0.2.1") for _ in range(61)] == [0] * 60 + [1]
    assert begun.wait("192.0.2.2") == 0, "another address is another one"
    clock.now += 1_000_000
    assert [begun.wait("192.0.2.1") for _ in range(2)] == [0, 1]


def test_without_room_a_new_address_waits_and_no_one_is_forgotten() -> None:
    clock = Clock()
    begun = Beginnings(each=1, memory=Memory(clock=clock, most=3))
    for number in range(3):
        assert begun.wait(f"192.0.2.{number}") == 0
    assert begun.wait("192.0.2.9") == 30
    assert begun.wait("192.0.2.0") == 60, "it is still counted"
    clock.now += 61_000_000
    assert begun.wait("192.0.2.9") == 0
    assert len(begun.memory) == 1, "those that are full again are gone"


def test_where_addresses_do_not_tell_callers_apart_all_share_more() -> None:
    begun = Beginnings(each=2, together=True, memory=Memory(clock=Clock()))
    assert [begun.wait(f"192.0.2.{number}") > 0 for number in range(41)] == [False] * 40 + [True]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1%eth0", "2001:db8:0:0:1::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


@given(st.text())
def test_any_text_is_an_address_of_bounded_length(text: str) -> None:
    assert len(network(text)) <= 64
