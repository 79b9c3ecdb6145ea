"""What another server keeps for us is read by who has the key, and counts under its own name and until its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.cache.sealed import hidden_name, seal, unseal

pytestmark = pytest.mark.requirement("BASE-9/caches-are-hints")
KEY, OTHER = bytes(32), bytes(31) + b"\1"
NOW, LIVES = 1_800_000_000_000, 300_000


def opened(data: bytes, *, name: str = "a", key: bytes = KEY, now: int = NOW) -> bytes | None:
    return unseal(data, name, key, now, LIVES)


@given(st.binary(max_size=1000), st.text(max_size=50))
def test_it_comes_back(value: bytes, name: str) -> None:
    data = seal(value, name, KEY, NOW + LIVES)
    assert opened(data, name=name) == value
    assert value not in data or len(value) < 4


def test_each_thing_that_makes_it_count_for_nothing() -> None:
    data = seal(b"value", "a", KEY, NOW + LIVES)
    assert opened(data, name="b") is None, "moved to another name"
    assert opened(data, key=OTHER) is None, "of another database"
    assert opened(data, now=NOW + LIVES) is None, "its time is over"
    assert opened(seal(b"value", "a", KEY, NOW + LIVES + 3_600_000)) is None, "it says that it counts for longer than it may"
    assert opened(b"") is None
    assert hidden_name("a", KEY) != hidden_name("a", OTHER)


@given(st.data())
def test_no_changed_byte_is_taken(data: st.DataObject) -> None:
    sealed = bytearray(seal(b"value", "a", KEY, NOW + LIVES))
    sealed[data.draw(st.integers(min_value=0, max_value=len(sealed) - 1))] ^= data.draw(st.integers(min_value=1, max_value=255))
    assert opened(bytes(sealed)) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_nothing(data: bytes) -> None:
    assert opened(data) is None
