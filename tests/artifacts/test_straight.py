"""The short way to canonical bytes gives the bytes of the long one, and leaves everything strange to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken, Refused
from arcops.left_out import LEFT_OUT
from artifacts.envelope import strict_json
from artifacts.straight import straight
from artifacts.typed import dump, load
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    z: str
    cites: tuple[str, ...] = ()
    at: datetime
    colour: _Colour = _Colour.RED
    patch: str = field(default="", metadata=LEFT_OUT)
    any_content: bool = field(default=False, metadata=LEFT_OUT)
    more: tuple[_Inner, ...] = field(default=(), metadata=LEFT_OUT)


_SIGNED = st.builds(
    _Signed,
    z=st.text(),
    cites=st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple),
    at=st.datetimes(timezones=st.just(UTC)),
    patch=st.sampled_from(["", "a patch"]),
    any_content=st.booleans(),
    more=st.lists(_INNER, max_size=1).map(tuple),
)


@given(st.lists(_SIGNED, max_size=4))
def test_both_ways_sign_the_same_bytes(values: list[_Signed]) -> None:
    for value in values:
        written = straight(value, _Signed, signed=True)
        assert written == canonical(dump(value))
        assert load(_Signed, strict_json(written or b"", "the value")) == value


@given(st.lists(_OUTER, min_size=1, max_size=3))
def test_many_values_are_said_as_few_are(values: list[_Outer]) -> None:
    many = tuple(values * 256)
    assert straight(many, tuple[_Outer, ...]) == canonical([to_json(one) for one in many])


@given(st.lists(_SIGNED, min_size=1, max_size=3))
def test_many_signed_values_are_said_as_few_are(values: list[_Signed]) -> None:
    many = tuple(values * 256)
    assert straight(many, tuple[_Signed, ...], signed=True) == canonical([dump(one) for one in many])


@pytest.mark.parametrize(
    "wrong", [{"z": 1}, {"cites": ["a"]}, {"at": ""}, {"colour": "red"}, {"patch": False}, {"any_content": ""}, {"more": ""}]
)
def test_one_wrong_value_among_many_is_left_to_the_long_way(wrong: dict[str, Any]) -> None:
    good = _Signed(z="a", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert straight((good,) * 300, tuple[_Signed, ...], signed=True) is not None
    for strange in (replace(good, **wrong), _Inner(text_b="a")):
        assert straight((*(good,) * 300, strange), tuple[_Signed, ...], signed=True) is None


@pytest.mark.parametrize("wrong", [{"patch": False}, {"any_content": ""}, {"more": ""}, {"cites": (True,)}, {"patch": None}])
def test_what_is_signed_has_its_declared_types_also_if_it_is_left_out(wrong: dict[str, Any]) -> None:
    value = replace(_Signed(z="a", at=datetime(2026, 1, 1, tzinfo=UTC)), **wrong)
    assert straight(value, _Signed, signed=True) is None
    with pytest.raises(Broken):
        dump(value)


def test_texts_that_were_said_before_are_not_taken_for_others() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for cites in (("a", "b"), ("a",), ("a", "b"), ("ab",), ()):
        value = _Signed(z="a", at=at, cites=cites)
        assert straight(value, _Signed, signed=True) == canonical(dump(value))


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
