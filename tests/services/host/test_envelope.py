"""Envelopes are read as JSON-RPC says, or not at all; what is inside is passed on as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from services.host import envelope
from services.host.envelope import Malformed

TEXT = st.text()
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
IDS = st.integers(-(2**70), 2**70) | TEXT


@given(IDS, TEXT, st.none() | st.dictionaries(TEXT, JSON, max_size=5), st.none() | st.integers(0, 4), st.booleans())
def test_a_request_keeps_what_is_inside_and_gets_another_id(
    id: Any, method: str, params: Any, indent: int | None, ascii: bool
) -> None:
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        message["params"] = params
    data = json.dumps(message, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    try:
        found = envelope.read(data)
    except Malformed:
        with pytest.raises(UnicodeDecodeError):
            data.decode()  # halves of pairs as bytes are not UTF-8
        return
    assert (found.id, found.method) == (id, method)
    inner = envelope.members(found.params)
    line = envelope.request(7, method, None if inner is None else envelope.encoded(inner))
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line) == message | {"id": 7}


@given(JSON, IDS)
def test_an_answer_goes_to_its_caller_unchanged(result: Any, id: Any) -> None:
    line = json.dumps({"id": 3, "result": result, "jsonrpc": "2.0"}).encode()
    found = envelope.heard(line)
    assert envelope.is_answer(found)
    assert json.loads(envelope.answer(envelope.encoded(id) if _sound(id) else b'"x"', found)) == {
        "jsonrpc": "2.0", "id": id if _sound(id) else "x", "result": result
    }  # fmt: skip


def _sound(id: Any) -> bool:
    try:
        str(id).encode()
    except UnicodeEncodeError:
        return False
    return isinstance(id, str) or abs(id) < 2**63


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused(data: bytes) -> None:
    for reads in (envelope.read, envelope.heard):
        try:
            found = reads(data)
        except Malformed:
            pass
        else:
            assert isinstance(json.loads(data.decode(errors="replace")), dict)
            assert found.id is UNSET or not isinstance(found.id, bool)


@pytest.mark.parametrize("depth", [envelope.MOST_DEPTH - 1, envelope.MOST_DEPTH, 100_000])
def test_depth_is_bounded_exactly(depth: int) -> None:
    inner = b"[" * depth + b"]" * depth
    data = b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + inner + b"}}"
    if depth <= envelope.MOST_DEPTH - 2:
        envelope.read(data)
    else:
        with pytest.raises(Malformed, match="inside one another"):
            envelope.read(data)


def test_of_names_that_are_there_twice_one_goes_on() -> None:
    found = envelope.members(Raw(b'{"name":"a","n\\u0061me":"b","arguments":{}}'))
    assert found is not None
    assert json.loads(envelope.encoded(found)) == {"name": "b", "arguments": {}}
    assert envelope.encoded(found).count(b"name") == 1


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"x"', b"true"])
def test_params_that_are_no_object(raw: bytes) -> None:
    with pytest.raises(Malformed, match="not an object"):
        envelope.members(Raw(raw))


def test_an_error_has_its_code() -> None:
    assert envelope.code_of(envelope.heard(b'{"id":1,"error":{"code":-32602,"message":"x"}}')) == -32602
    for odd in (b"1", b'"x"', b'{"code":"a"}', b"{}"):
        assert envelope.code_of(envelope.heard(b'{"id":1,"error":' + odd + b"}")) == 0


def test_what_is_null_is_not_there() -> None:
    message = envelope.heard(b'{"jsonrpc":"2.0","id":1,"method":"x","params":null}')
    assert envelope.members(message.params) is None
