"""A request of our own client, at servers that answer in any way: a result, or one clear error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mcp.asking import Asking
from adapters.mcp.raised import of_failure, of_result
from arcops.errors import Broken, Refused, Stopped, Unavailable

pytestmark = pytest.mark.requirement("ARC-1/agents-can-read-it")

RESULT = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "structuredContent": {"said": "ä\u2028b"}}}
TOLD = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
Answer = Callable[[httpx2.Request], httpx2.Response]


def asked(answer: Answer, *, tasks: bool = False) -> Any:
    async def ask() -> Any:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return await Asking(http, "http://127.0.0.1:1/mcp", tasks=tasks).ask("tools/call", "x", {"name": "x"}, {"more": 1})

    return asyncio.run(ask())


def with_body(body: bytes, kind: str = "application/json", status: int = 200) -> Answer:
    return lambda _: httpx2.Response(status, content=body, headers={"content-type": kind})


def test_it_says_who_asks_for_what() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=RESULT)

    assert asked(answer, tasks=True) == RESULT["result"]
    (request,) = seen
    assert request.headers["mcp-protocol-version"] == "2026-07-28"
    assert (request.headers["mcp-method"], request.headers["mcp-name"]) == ("tools/call", "x")
    meta = json.loads(request.content)["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    assert meta["more"] == 1


@given(st.lists(st.integers(1, 40)), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_a_stream_is_read_wherever_it_is_cut(cuts: list[int], end: bytes, space: bool) -> None:
    events = [b": a comment", b"", b"id: 7", b"data: " + json.dumps(TOLD).encode(), b"", b"data: no json", b""]
    text = json.dumps(RESULT, ensure_ascii=False, indent=1).encode()
    events += [b"data:" + (b" " if space else b"") + line for line in text.split(b"\n")] + [b"", b""]
    whole, parts = end.join(events), []
    for cut in cuts:
        parts.append(whole[:cut])
        whole = whole[cut:]

    async def body() -> Any:
        for part in (*parts, whole):
            yield part

    answer = httpx2.Response(200, content=body(), headers={"content-type": "text/event-stream; charset=utf-8"})
    assert asked(lambda _: answer) == RESULT["result"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<html>not found</html>", "text/html", 404),
        (b"", "application/json", 200),
        (b"[]", "application/json", 200),
        (b"[" * 100_000, "application/json", 200),
        (b'{"jsonrpc":"2.0","id":2,"result":{}}', "application/json", 200),
        (b"data: {}\n\n", "text/event-stream", 200),
        (b'data: {"id":1,"result":', "text/event-stream", 200),
    ],
)
def test_what_is_no_answer_is_said_with_the_address_and_the_status(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(Unavailable, match=rf"127.0.0.1:1/mcp \(status {status}, and no message of MCP\)"):
        asked(with_body(body, kind, status))


@pytest.mark.parametrize(("code", "kind"), [(-32602, Refused), (-32001, Unavailable), (None, Unavailable)])
def test_an_error_is_raised_with_what_the_server_said(code: object, kind: type[Exception]) -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": "a bearer token is needed"}}
    with pytest.raises(kind, match="answered: a bearer token is needed"):
        asked(with_body(json.dumps(error).encode(), status=401))


@pytest.mark.parametrize(
    ("meta", "kind"),
    [({"dev.arcops/error": "refused"}, Refused), ({"dev.arcops/error": ["x"]}, Broken), (None, Broken), ("x", Broken)],
)
def test_a_result_with_an_error_is_the_error_that_was_raised_there(meta: object, kind: type[Exception]) -> None:
    said = [{"type": "text", "text": "no such file"}, {"type": "image"}, 7]
    assert type(of_result({"content": said, "_meta": meta})) is kind
    assert str(of_result({"content": said})) == "no such file"
    assert str(of_result({})) == "the server said nothing"


def test_a_task_that_failed_is_what_it_failed_with() -> None:
    assert type(of_failure({"message": "x", "data": {"dev.arcops/error": "stopped"}})) is Stopped
    assert type(of_failure({"data": 7})) is Unavailable
