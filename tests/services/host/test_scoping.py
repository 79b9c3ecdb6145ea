"""What is bound for a tenant, no call of theirs can say otherwise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from services.host.scoping import refuse_completing, refuse_crossing

pytestmark = pytest.mark.requirement("HOST-019/parameters-are-isolated")

BOUND = {"project": "alpha", "limit": "5", "open": "true"}


@pytest.mark.parametrize(
    "arguments",
    [
        *("{}", '{"other": "beta"}', '{"project": "alpha"}', '{"limit": 5}', '{"limit": "5"}', '{"open": true}'),
        *('{"a": {"project": "alpha"}}', '{"a": [{"project": "alpha"}]}', '{"project": ["alpha", "alpha"]}', "null", "[]"),
    ],
)
def test_what_is_bound_or_not_said_passes(arguments: str) -> None:
    refuse_crossing(BOUND, arguments.encode())


@pytest.mark.parametrize(
    "arguments",
    [
        *('{"project": "beta"}', '{"project": "Alpha"}', '{"project": "alpha "}', '{"project": ""}', '{"project": null}'),
        *('{"project": {"id": "alpha"}}', '{"project": ["alpha", "beta"]}', '{"project": [["beta"]]}', '{"limit": 6}'),
        *('{"limit": 5.0}', '{"open": false}', '{"open": 1}', '{"a": {"b": [1, {"project": "beta"}]}}'),
        '{"project": "alpha", "project": "beta"}',
        '{"project": "beta", "project": "alpha"}',
        '{"a": {"x": 1, "x": 2}}',
        '{"pro\\u006aect": "beta"}',
        '{"project": "alpha"',
        "",
        "[" * 100_000,
    ],
)
def test_another_value_or_two_meanings_are_refused(arguments: str) -> None:
    with pytest.raises(Refused) as refused:
        refuse_crossing(BOUND, arguments.encode())
    assert "alpha" not in str(refused.value)  # it says nothing of what is bound


def test_a_parameter_that_is_bound_is_not_completed() -> None:
    """Its values are those of other tenants: not even their beginnings are to be had."""
    for free in (
        '{"name": "other", "value": "b"}',
        '{"name": "project", "value": "alpha"}',
        "null",
        "[]",
        "{}",
        '{"value": "x"}',
    ):
        refuse_completing(BOUND, free.encode())
    refuse_completing({}, b'{"name": "project", "value": "b"}')
    refuse_completing({"name": "x", "value": "y"}, b'{"name": "a", "value": "b"}')
    for wrong in ('{"name": "project", "value": "b"}', '{"name": "project", "value": ""}', '{"name": "project"}', '{"name": 1'):
        with pytest.raises(Refused):
            refuse_completing(BOUND, wrong.encode())
    with pytest.raises(Refused, match="in one way"):
        refuse_completing(BOUND, b'{"name": "project", "name": "a", "value": "b"}')


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["project", "a", "b"]), inner, max_size=3),
    max_leaves=12,
)


def values(value: object) -> list[object]:
    if isinstance(value, dict):
        return [one for name, inner in value.items() for one in ([inner] if name == "project" else values(inner))]
    return [one for inner in value for one in values(inner)] if isinstance(value, list) else []


def leaves(value: object) -> list[object]:
    return [one for inner in value for one in leaves(inner)] if isinstance(value, list) else [value]


@given(JSONS)
def test_it_passes_only_if_every_value_is_the_bound_one(arguments: object) -> None:
    given = [leaf for one in values(arguments) for leaf in leaves(one)]
    try:
        refuse_crossing({"project": "a"}, json.dumps(arguments).encode())
    except Refused:
        assert any(one != "a" for one in given)
    else:
        assert all(one == "a" for one in given)
