"""A secret that a caller sends, in any place, is in no byte that the audit log writes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.audit.masking import OTHERS, Masking, Told
from tests.examples import share
from tests.foundation.audit.home import CALL, opened

pytestmark = pytest.mark.requirement("BASE-4/audit-log")

KNOWN = frozenset({"target", "policy", "attached"})
MASKING = Masking(key=b"k" * 32)

LETTERS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=24)
AROUND = st.sampled_from(
    [
        "{}",
        "Bearer {}",
        "https://user:{}@host/",
        "token={}",
        "?key={}",
        "{}\n",
        "é{}",
        '"{}"',
        "\\u0041{}",
        "/models/{}",
        "{}\x00",
    ]
)


@share(0.15)
@given(data=st.data(), secret=LETTERS.map(lambda one: f"CANARY{one}"), around=AROUND)
def test_no_secret_is_written_whatever_it_is_in(data: st.DataObject, secret: str, around: str) -> None:
    """In arguments: as a value, deep inside, as a name. From headers and errors: as every other text of a record."""
    planted = around.format(secret)
    inside = data.draw(
        st.recursive(
            st.just(planted),
            lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.just("x"), inner)),
            max_leaves=3,
        )
    )
    arguments = {"target": inside, "policy": planted, secret: 1, planted: planted, "nested": {secret: planted}}
    field = data.draw(
        st.sampled_from(["object", "trace", "source", "digest", "reason", "tool", "action", "verdict", "tier", "door"])
    )
    unfit = f"{planted} " if field not in {"trace", "source", "digest"} else planted
    with TemporaryDirectory() as folder:
        audit = opened(Path(folder))
        told = audit.masked(arguments, KNOWN)
        audit.tell(replace(CALL, arguments=told.names, digest=told.digest))
        audit.tell(replace(CALL, **{field: unfit}))
        audit.close()
        for path in (one for one in Path(folder).rglob("*") if one.is_file()):
            assert secret.encode() not in path.read_bytes(), path


def test_known_names_are_told_and_others_are_only_counted_in() -> None:
    told = MASKING.told({"policy": "x", "target": "/m", "CANARY": 1}, KNOWN)
    assert told.names == ("policy", "target", OTHERS)
    assert MASKING.told({}, KNOWN) == MASKING.told(None, KNOWN) == Told()


def test_equal_arguments_have_equal_digests_at_one_site_only() -> None:
    digest = MASKING.told({"a": 1, "b": [True, None, "é"]}, KNOWN).digest
    assert MASKING.told({"b": [True, None, "é"], "a": 1}, KNOWN).digest == digest
    assert Masking(key=b"o" * 32).told({"a": 1, "b": [True, None, "é"]}, KNOWN).digest != digest
    others = ({"a": 2}, {"a": "1"}, {"a": True}, {"a": None}, {"a": [1]}, {"b": 1}, {"a": 1, "b": 1}, {"a": {"a": 1}})
    digests = [MASKING.told(one, KNOWN).digest for one in ({"a": 1}, *others)]
    assert len(set(digests)) == len(digests)


def test_the_key_is_in_no_text() -> None:
    assert "k" * 8 not in repr(MASKING)


def test_any_value_of_any_depth_gets_a_digest() -> None:
    for value in (object(), b"x", {1, 2}, float("nan"), "\ud800"):
        assert MASKING.told({"a": value}, KNOWN).digest
    pairs = itertools.combinations([{"a": "x"}, {"a": ["x"]}, {"a": "[x]"}], 2)
    assert all(MASKING.told(one, KNOWN) != MASKING.told(other, KNOWN) for one, other in pairs)
