"""The short way to canonical bytes gives the bytes of the long one, and leaves everything strange to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken, Refused
from artifacts.straight import straight
from artifacts.wire import canonical, canonical_bytes, digest, to_json


class _Colour(Enum):
    RED = 'r"ed'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inner:
    text_b: str
    a: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outer:
    z: str
    inner: tuple[_Inner, ...]
    words: tuple[str, ...]
    truth: bool
    at: datetime | None
    colour: _Colour = _Colour.RED


_INNER = st.builds(_Inner, text_b=st.text(), a=st.text(), number=st.integers(-(2**53) + 1, 2**53 - 1))
_OUTER = st.builds(
    _Outer,
    z=st.text(),
    inner=st.lists(_INNER, max_size=3).map(tuple),
    words=st.lists(st.text(), max_size=3).map(tuple),
    truth=st.booleans(),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(_OUTER)
def test_both_ways_give_the_same_bytes(value: _Outer) -> None:
    assert straight(value, _Outer) == canonical(to_json(value))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (_Inner(text_b=1), Broken),  # type: ignore[arg-type]  # wrong on purpose
        (_Inner(text_b="a", number="1"), Broken),  # type: ignore[arg-type]  # wrong on purpose
        (_Inner(text_b="\ud800"), Refused),
        (_Inner(text_b="a", number=2**53), Refused),
    ],
)
def test_what_is_wrong_is_left_to_the_long_way(value: _Inner, error: type[Exception]) -> None:
    assert straight(value, _Inner) is None
    with pytest.raises(error):
        canonical_bytes(value)


def test_a_large_value_that_was_hashed_has_its_own_bytes_and_no_others() -> None:
    first, second = (_Inner(text_b=letter * 100_000) for letter in "ab")
    digest(first)
    digest(second)
    for value in (first, second, first):
        assert canonical_bytes(value) == canonical(to_json(value))
