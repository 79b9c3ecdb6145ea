"""Streams of server-sent events, cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tasks.server.events import Event, Events, TooLong

STREAM = (
    b"\xef\xbb\xbf: hello\r\nid: 1\rretry: 1500\r\ndata: one\ndata: two\n\nevent: endpoint\ndata:/there\r\n\r\n"
    b"data\n\nunknown: x\nid: a\0b\ndata:  three\r\rdata: never ended"
)


@given(some.lists(some.integers(0, len(STREAM)), max_size=12))
def test_where_the_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    events = Events()
    found: list[Event] = []
    places = [0, *sorted(cuts), len(STREAM)]
    for begin, end in pairwise(places):
        found += events.feed(STREAM[begin:end])
    assert [(one.kind, one.data) for one in found] == [
        ("message", b"one\ntwo"),
        ("endpoint", b"/there"),
        ("message", b" three"),
    ]
    assert (events.last, events.retry) == ("1", 1.5)


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 6000, b"data: " + b"x" * 101 + b"\n", b"data: xxxx\n" * 21])
def test_an_event_over_the_bound_is_refused(stream: bytes) -> None:
    events = Events(limit=100)
    assert events.feed(b"data: " + b"y" * 100 + b"\n\n")[0].data == b"y" * 100
    with pytest.raises(TooLong):
        _ = [events.feed(stream[place : place + 50]) for place in range(0, len(stream), 50)]
