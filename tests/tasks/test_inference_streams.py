"""The shapes of streams that servers send: what is text, what is an error, what is passed over, and how tokens are counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.endpoint import Route
from arcops.seen.inference import Fault
from tasks.inference.bad_answer import BadAnswer
from tasks.inference.events import StreamedAnswer

pytestmark = pytest.mark.requirement("ARC-C3/requests-are-measured-exactly")

END = "data: [DONE]\n\n"


def event(said: object, kind: str = "") -> str:
    return (f"event: {kind}\n" if kind else "") + f"data: {json.dumps(said)}\n\n"


def delta(**said: object) -> str:
    return event({"choices": [{"index": 0, "delta": said}]})


def read(*parts: str | bytes, route: Route = Route.CHAT) -> StreamedAnswer:
    answer = StreamedAnswer(route=route, most_events=100)
    for at, part in enumerate(parts):
        answer.feed(part if isinstance(part, bytes) else part.encode(), at)
    return answer


WORD = delta(content="word ")


@pytest.mark.parametrize(
    "said",
    [
        {"content": "word"},
        {"reasoning_content": "word", "content": None},
        {"reasoning": "word"},
        {"reasoning_text": "word"},
        {"thinking": "word"},
        {"some_later_field": "word"},
        {"reasoning_details": [{"type": "reasoning.text", "id": "r1", "format": "x", "text": "word"}]},
        {"content": [{"type": "text", "text": "word"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "word"}]}]},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "", "arguments": "word"}}]},
        {"refusal": "word"},
        {"reasoning": "word", "reasoning_content": "word", "content": None},
        {"reasoning": "word", "reasoning_details": [{"type": "reasoning.text", "format": "x", "text": "word"}]},
    ],
)
def test_every_text_of_the_model_is_text_whatever_its_field_is_called(said: dict[str, Any]) -> None:
    """Mutation: a field that is not known hides the tokens in it, so that the others look faster."""
    answer = read(delta(**said), END)
    assert answer.moments == [0]
    assert answer.digest == read(WORD.replace("word ", "word")).digest
    assert answer.words == [1]


def test_one_text_under_two_names_counts_once() -> None:
    """Mutation: both count, so that a server that says its reasoning twice seems to make twice as many tokens."""
    twice = delta(reasoning="two words", reasoning_content="two words")
    assert read(WORD, twice, END).words == [1, 2]
    assert read(WORD, delta(reasoning="two words", content="and three more"), END).words == [1, 4]


@pytest.mark.parametrize(
    "said",
    [
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None, "refusal": None},
        {"role": "assistant", "name": "model-1"},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "", "arguments": ""}}]},
        {},
    ],
)
def test_labels_are_no_text(said: dict[str, Any]) -> None:
    assert read(delta(**said)).moments == []


@pytest.mark.parametrize(
    "beside",
    [
        event({"id": "1"}),
        event({"choices": None, "id": "1"}),
        event({"choices": []}),
        event({"choices": [{"index": 0, "delta": None, "finish_reason": "length"}]}),
        event({"choices": [{"index": 0, "finish_reason": "length"}]}),
        event({"type": "ping"}, kind="ping"),
        "event: ping\ndata: \n\n",
        "event: heartbeat\ndata: 7\n\n",
        ": a comment\n\n",
        "retry: 10\nid: 7\n\n",
        "x-own-field: 7\nno colon\n\n",
        "event: message\n\n",
    ],
)
def test_what_carries_no_text_is_passed_over(beside: str) -> None:
    answer = read(beside, WORD, beside, WORD, END)
    assert answer.moments == [1, 3]
    assert answer.done


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"message": "out of memory"}},
        {"error": "out of memory"},
        {"object": "error", "message": "out of memory", "code": 500},
        {"type": "error", "choices": []},
        {"detail": "out of memory"},
        {"message": "out of memory", "code": 500},
        {"code": 50001},
        {"errors": ["out of memory"]},
        {"choices": [], "error": {"code": 1}},
    ],
)
def test_an_error_is_one_whatever_its_field_is_called(said: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer) as refused:
        read(WORD, event(said))
    assert refused.value.fault is Fault.SERVER


def test_an_event_of_the_type_error_is_one() -> None:
    with pytest.raises(BadAnswer) as refused:
        read(WORD, "event: error\ndata: out of memory\n\n")
    assert refused.value.fault is Fault.SERVER


@pytest.mark.parametrize(
    "text",
    [
        "data: {\n\n",
        "data: 7\n\n",
        event({"choices": {"a": 1}}),
        event({"choices": [7]}),
        event({"choices": [{"delta": 7}]}),
        delta(content=7),
        delta(reasoning={"a": 1}),
        event({"choices": [], "usage": {"completion_tokens": "7"}}),
    ],
)
def test_what_cannot_be_meant_is_malformed(text: str) -> None:
    with pytest.raises(BadAnswer) as refused:
        read(text)
    assert refused.value.fault is Fault.MALFORMED


WHOLE = ("\ufeff" + WORD + ": x\n\n" + WORD + event({"choices": [], "usage": {"completion_tokens": 2}}) + END).encode()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_lines_end_in_three_ways_and_parts_end_anywhere(end: bytes, sizes: list[int]) -> None:
    """Also inside the byte order mark, and between CR and LF."""
    rest, parts = WHOLE.replace(b"\n", end), []
    while rest:
        for size in sizes:
            parts.append(rest[:size])
            rest = rest[size:]
    answer = read(*parts)
    assert (len(answer.moments), answer.tokens, answer.done) == (2, 2, True)


def counting(*counts: int | None, final: int) -> StreamedAnswer:
    """A server that says, beside each text, how many tokens it has made so far."""
    usages: list[dict[str, Any]] = [{} if count is None else {"usage": {"completion_tokens": count}} for count in counts]
    texts = [event({"choices": [{"delta": {"content": "word "}}], **usage}) for usage in usages]
    return read(*texts, event({"choices": [], "usage": {"completion_tokens": final}}), END)


@pytest.mark.parametrize(
    ("counts", "final", "expected"),
    [
        ((5, 6, 7), 7, 5),  # four hidden ones before the first text
        ((5, 6, 7), 8, 5),  # the end of the answer is a token, too
        ((1, 1, 1), 7, None),  # a figure that stands for nothing
        ((7, 7, 7), 7, None),
        ((0, 1, 2), 3, None),
        ((1, 2, 3), 9, None),
        ((None, 6, 7), 7, None),
        ((None, None, None), 7, None),
    ],
)
def test_a_count_along_the_way_counts_if_it_grows_with_the_text(
    counts: tuple[int | None, ...], final: int, expected: int | None
) -> None:
    assert counting(*counts, final=final).counted == expected
