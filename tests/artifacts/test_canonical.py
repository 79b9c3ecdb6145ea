"""The fast way to canonical JSON writes the same bytes as the RFC 8785 library, and refuses the same values."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from artifacts.canonical import canonical

KEYS = st.one_of(st.text(st.characters(max_codepoint=127)), st.text())
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.text(st.characters(max_codepoint=160))),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(KEYS, inner, max_size=5)),
)


@pytest.mark.requirement("ARC-1/signed-json", "ARC-C5/same-verdict-byte-for-byte")
@given(VALUES)
def test_it_equals_rfc8785(value: object) -> None:
    try:
        wanted = rfc8785.dumps(value)  # type: ignore[arg-type]  # the strategy makes JSON values only
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        with pytest.raises(Refused):
            canonical(value)  # type: ignore[arg-type]  # as above
    else:
        assert canonical(value) == wanted  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"a": float("nan")}, {"\ud800": 1}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Refused):
        canonical(value)  # type: ignore[arg-type]  # that is the point


def test_the_largest_integers_are_written() -> None:
    assert canonical([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"
