"""Lines are found in whatever parts they come, and one over the bound is lost alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.host.framing import Lines
from services.host.pipe import Lost


@given(st.lists(st.binary(max_size=40).filter(lambda one: b"\n" not in one), max_size=12), st.lists(st.integers(1, 30)))
def test_lines_come_whole_in_their_order_however_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(one + b"\n" for one in lines)
    reader, found, at = Lines(limit=30), [], 0
    for cut in [*cuts, len(data)]:
        found += reader.feed(data[at : at + cut])
        at += cut
    found += reader.feed(data[at:]) if at < len(data) else []
    expected = [len(one) if len(one) > 30 else one.strip() for one in lines]
    assert [one.size if isinstance(one, Lost) else one for one in found] == [one for one in expected if one != b""]


@pytest.mark.parametrize(
    ("message", "id", "answer"),
    [
        (b'{"jsonrpc":"2.0","id":17,"result":{"x":"%b"}}', 17, True),
        (b'{"id":17,"jsonrpc":"2.0","result":{"x":"%b"}}', 17, True),
        (b'{"result":{"x":"%b"},"jsonrpc":"2.0","id":17}', 17, True),
        (b'{"result":{"x":"%b"},"id":17,"jsonrpc":"2.0"}', 17, True),
        (b'{"jsonrpc" : "2.0" , "id" : "a" , "result":{"x":"%b"}}\r', "a", True),
        (b'{"jsonrpc":"2.0","method":"m","params":{"x":"%b"}}', None, False),
        (b'{"jsonrpc":"2.0","result":{"id":17,"x":"%b"}}', None, True),
        (b'{"jsonrpc":"2.0","result":{"x":"%b","y":{"id":17}}}', None, True),
        (b"%b", None, True),
    ],
)
def test_the_id_of_a_lost_message_is_found_if_it_is_sure(message: bytes, id: object, answer: bool) -> None:
    for part in (100_000, 997):
        reader, found = Lines(limit=50_000), []
        data = message % (b"y" * 60_000) + b"\n" + b'{"after":1}\n'
        for at in range(0, len(data), part):
            found += reader.feed(data[at : at + part])
        lost, after = found
        assert isinstance(lost, Lost)
        assert (lost.id, lost.answer) == (id, answer)
        assert isinstance(after, bytes)
        assert json.loads(after) == {"after": 1}


def test_what_is_lost_is_not_kept() -> None:
    reader = Lines(limit=1000)
    for _ in range(1000):
        assert reader.feed(b"x" * 10_000) == []
    assert sum(len(one) for one in (*reader._parts, reader._head, reader._tail)) < 20_000
