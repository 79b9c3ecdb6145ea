"""Conversion between versions: the field that differs gets its other name, and nothing is lost on the way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from services.operator.conversion import convert, converted
from tests.services.operator.cases import written

pytestmark = pytest.mark.requirement("OPER-11/versions-convert")
_TEXTS = st.dictionaries(
    st.sampled_from(["issuer", "audience", "jwksURL", "thvCABundlePath", "jwksAuthTokenPath"]), st.text(max_size=8)
)
_ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda one: st.lists(one, max_size=2))


@given(inline=_TEXTS, more=st.dictionaries(st.sampled_from(["replicas", "args", "x"]), _ANY))
def test_there_and_back_is_the_same(inline: dict[str, str], more: dict[str, Any]) -> None:
    value = written(oidcConfig={"type": "inline", "inline": inline}, **more)
    newer = convert(value, "v1")
    assert newer["apiVersion"] == "ome.io/v1"
    assert convert(newer, "v1beta1") == value


@pytest.mark.parametrize("spec", [{}, {"oidcConfig": None}, {"oidcConfig": {"inline": 7}}])
def test_what_has_no_such_field_stays(spec: dict[str, Any]) -> None:
    value = written(**spec)
    assert convert(convert(value, "v1"), "v1beta1") == value


def test_a_review_is_answered_whole_or_not_at_all() -> None:
    good = written(oidcConfig={"type": "inline", "inline": {"issuer": "https://x.example", "thvCABundlePath": "/ca"}})
    review = {"request": {"uid": "7", "desiredAPIVersion": "ome.io/v1", "objects": [good]}}
    answer: Any = converted(review)
    assert answer["response"]["uid"] == "7"
    assert answer["response"]["convertedObjects"][0]["spec"]["oidcConfig"]["inline"]["caBundlePath"] == "/ca"
    for objects, wanted in (
        ([good, {"apiVersion": "v1"}], "ome.io/v1"),
        ([good], "ome.io/v9"),
        (None, "ome.io/v1"),
        ([7], "ome.io/v1"),
    ):
        said: Any = converted({"request": {"uid": "7", "desiredAPIVersion": wanted, "objects": objects}})
        assert said["response"]["result"]["status"] == "Failure"
        assert "convertedObjects" not in said["response"]


def test_another_group_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be converted"):
        convert({**written(), "apiVersion": "apps/v1"}, "v1")
