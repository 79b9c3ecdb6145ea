"""A record is one canonical line; it is read strictly, and no text of another form than its field's gets into it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.identity import Identity
from artifacts.canonical import canonical
from artifacts.typed import dump
from foundation.audit.record import MASKED, Actor, Outcome, Record, fitted, read_record
from tests.examples import share
from tests.foundation.audit.home import CALL

pytestmark = pytest.mark.requirement("BASE-4/audit-log")

TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from(["check_model", "", "a/b", "é", "\ud800", "x" * 400, "\x00", '"', "GREEN"])
)
RECORDS = st.builds(
    Record,
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), None])),
    outcome=st.sampled_from(Outcome),
    actor=st.builds(Actor, issuer=TEXTS, tenant=TEXTS, id=TEXTS),
    arguments=st.lists(TEXTS, max_size=3).map(tuple),
    latency_us=st.integers(-5, 2**60),
    **dict.fromkeys(
        ("action", "door", "tool", "object", "digest", "verdict", "reason", "trace", "request", "tier", "source"), TEXTS
    ),
)


def test_a_record_is_read_back() -> None:
    assert read_record(CALL.line) == CALL
    assert fitted(CALL) is CALL


@given(record=RECORDS)
def test_any_record_is_written_as_canonical_json(record: Record) -> None:
    """By the general writer (`artifacts.typed`) the bytes are the same. Mutation: a key out of order, a text without quotes."""
    fit = fitted(record)
    assert fit.line == canonical(dump(fit))
    assert read_record(fit.line) == fit
    assert fitted(fit) == fit


@given(record=RECORDS)
def test_a_text_that_does_not_fit_is_replaced(record: Record) -> None:
    fit = fitted(record)
    for one in fields(Record):
        before, after = getattr(record, one.name), getattr(fit, one.name)
        if isinstance(before, str):
            assert after in (before, MASKED, "")


@share(0.3)
@given(data=st.data())
def test_a_changed_line_is_refused_or_another_record(data: st.DataObject) -> None:
    line = bytearray(CALL.line)
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    if bytes(line) == CALL.line:
        return
    with suppress(Refused):
        assert read_record(bytes(line)) != CALL


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one | {"more": 1},
        lambda one: {key: value for key, value in one.items() if key != "tool"},
        lambda one: one | {"latencyUs": "1"},
        lambda one: one | {"outcome": "fine"},
        lambda one: one | {"version": 2},
        lambda one: one | {"version": True},
        lambda one: one | {"at": "yesterday"},
        lambda one: [one],
    ],
)
def test_another_shape_is_refused(change: Any) -> None:
    changed = json.dumps(change(json.loads(CALL.line)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with pytest.raises(Refused, match="audit record"):
        read_record(changed.encode())


def test_a_later_version_is_named() -> None:
    with pytest.raises(Refused, match="version 2, and this ArcOps reads version 1"):
        read_record(CALL.line.replace(b'"version":1', b'"version":2'))


def test_the_same_values_written_otherwise_are_refused() -> None:
    with pytest.raises(Refused, match="canonical"):
        read_record(json.dumps(json.loads(CALL.line)).encode())


@pytest.mark.parametrize(
    "named", ["https://user:secret@host/x", "https://host/x?token=secret", "a b", "https://host/#secret", "\nx", "x" * 301]
)
def test_an_object_with_a_credential_is_masked(named: str) -> None:
    assert fitted(replace(CALL, object=named)).object == MASKED


@pytest.mark.parametrize("named", ["sha256:" + "0" * 64, "model:tiny", "server:everything@1.2.0", "https://host:8000/v1", ""])
def test_an_object_with_a_plain_name_stays(named: str) -> None:
    assert fitted(replace(CALL, object=named)).object == named


def test_an_actor_is_the_verified_identity() -> None:
    identity = Identity(issuer="https://i", tenant="t", id="o", scopes=frozenset({"read"}), roles=frozenset({"admin"}))
    assert Actor.of(identity) == Actor(issuer="https://i", tenant="t", id="o")


def test_a_moment_without_a_zone_counts_as_utc() -> None:
    assert fitted(replace(CALL, at=datetime(2026, 1, 1))).at == datetime(2026, 1, 1, tzinfo=UTC)  # noqa: DTZ001  # the case
