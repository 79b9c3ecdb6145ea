"""Servers of other machines that break, refuse, and say too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from arcops.errors import Unavailable
from arcops.tier import Tier
from services.host import envelope
from services.host.pipe import Lost
from services.host.remote import streamable
from services.host.remote.sse import Sse
from services.host.remote.streamable import Streamable
from tasks.server.events import Events

Answer = Callable[[str, dict[str, str], Any, asyncio.StreamWriter], Awaitable[None]]
"""Answers one request: method, fields, JSON of the body, and where to write."""


class Told:
    """What a pipe told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.lost: list[Lost] = []
        self.ended = ""

    def heard(self, message: bytes) -> None:
        self.messages.append(json.loads(message))

    def end(self, why: str) -> None:
        assert not self.ended
        self.ended = why

    async def until(self, met: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not met():
                await asyncio.sleep(0.005)


def before(
    answer: Answer, work: Callable[[Streamable | Sse, Told], Awaitable[None]], of: type[Streamable | Sse] = Streamable
) -> None:
    """Do *work* with a pipe to a server that does *answer*."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                await answer(first.split()[0], fields, json.loads(body) if body else None, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def done() -> None:
        server = await asyncio.start_server(served, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        told = Told()
        pipe = of(f"http://127.0.0.1:{port}/x", tier=Tier.AIR_GAPPED, headers={"authorization": "Bearer of-ours"}, seconds=30)
        pipe.hear(told.heard, told.lost.append, told.end)
        async with asyncio.timeout(60):
            await work(pipe, told)
        pipe.end("the test ends")
        await told.until(lambda: pipe._farewell is not None and pipe._farewell.done())
        server.close()

    asyncio.run(done())


def whole(writer: asyncio.StreamWriter, body: bytes, status: int = 200, kind: str = "application/json", more: str = "") -> None:
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body)


def begun(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + data)


def result(id: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"result":{}}' % id


CALL = envelope.request(7, "tools/call", b'{"name":"x"}')


def test_a_stream_that_breaks_is_taken_up_where_it_broke() -> None:
    seen = []

    async def answer(method: str, fields: dict[str, str], body: Any, writer: asyncio.StreamWriter) -> None:
        assert fields["authorization"] == "Bearer of-ours"
        if method == "POST":
            note = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1}}'
            begun(writer, b"retry: 1\nid: here\ndata: " + note + b"\n\n")
            writer.close()
        elif method == "GET":
            seen.append(fields["last-event-id"])
            begun(writer, b"id: there\ndata: " + result(7) + b"\n\n")
            writer.close()

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        await pipe.write(CALL)
        await told.until(lambda: len(told.messages) == 2)
        assert seen == ["here"]
        assert told.messages[1] == {"jsonrpc": "2.0", "id": 7, "result": {}}
        assert not told.ended

    before(answer, work)


def test_an_answer_that_never_comes_whole_is_an_error_and_the_session_lives() -> None:
    async def answer(method: str, fields: dict[str, str], body: Any, writer: asyncio.StreamWriter) -> None:
        if body["id"] == 7:
            begun(writer, b'data: {"jsonrpc":"2.0",')
            writer.close()
        else:
            whole(writer, result(body["id"]))

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        await pipe.write(CALL)
        await told.until(lambda: told.messages)
        assert "before it was whole" in told.messages[0]["error"]["message"]
        await pipe.write(envelope.request(8, "ping", None))
        await told.until(lambda: len(told.messages) == 2)
        assert told.messages[1]["id"] == 8

    before(answer, work)


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_over_the_bound_is_lost_and_the_session_lives(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamable, "MOST_MESSAGE", 1000)
    monkeypatch.setattr(streamable, "Events", partial(Events, 1000))
    big = b'{"jsonrpc":"2.0","id":7,"result":"' + b"x" * 8000 + b'"}'

    async def answer(method: str, fields: dict[str, str], body: Any, writer: asyncio.StreamWriter) -> None:
        if stream:
            begun(writer, b"data: " + big + b"\n\n")
        else:
            whole(writer, big)

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        await pipe.write(CALL)
        await told.until(lambda: told.lost)
        assert told.lost[0].id == 7
        assert not told.messages
        assert not told.ended

    before(answer, work)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"unknown tool"}}', "unknown tool"),
        (200, b'{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"plain"}}', "plain"),
        (503, b'{"oops":"the secret"}', "answers 503"),
        (302, b"", "answers 302"),
        (202, b"", "answers 202"),
    ],
)
def test_a_refusal_is_the_answer_and_the_session_lives(status: int, body: bytes, said: str) -> None:
    async def answer(method: str, fields: dict[str, str], _: Any, writer: asyncio.StreamWriter) -> None:
        whole(writer, body, status, more="location: http://127.0.0.1:9/\r\n")

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        await pipe.write(CALL)
        await told.until(lambda: told.messages)
        (message,) = told.messages
        assert message["id"] == 7
        assert said in message["error"]["message"]
        assert "secret" not in message["error"]["message"]
        assert not told.ended

    before(answer, work)


def test_one_that_does_not_let_us_in_ends_with_what_to_do() -> None:
    async def answer(method: str, fields: dict[str, str], _: Any, writer: asyncio.StreamWriter) -> None:
        whole(writer, b"", 401)

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        await pipe.write(CALL)
        await told.until(lambda: told.ended)
        assert "--secret AUTHORIZATION=" in told.ended
        with pytest.raises(Unavailable, match="401"):
            await pipe.write(CALL)

    before(answer, work)


def test_what_comes_after_a_pause_waits() -> None:
    async def answer(method: str, fields: dict[str, str], body: Any, writer: asyncio.StreamWriter) -> None:
        whole(writer, result(body["id"]))

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        pipe.pause()
        await pipe.write(CALL)
        for _ in range(50):
            await asyncio.sleep(0)
        assert not told.messages
        pipe.resume()
        await told.until(lambda: told.messages)

    before(answer, work)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"event: endpoint\ndata: http://127.0.0.1:9/messages\n\n", "another host"),
        (b"event: endpoint\ndata: https://elsewhere.example/\n\n", "another host"),
        (b": nothing\n\n", "ended its stream"),
    ],
)
def test_the_older_transport_posts_to_no_other_host(stream: bytes, said: str) -> None:
    async def answer(method: str, fields: dict[str, str], body: Any, writer: asyncio.StreamWriter) -> None:
        assert method == "GET"
        begun(writer, stream)
        writer.close()

    async def work(pipe: Streamable | Sse, told: Told) -> None:
        with pytest.raises(Unavailable, match=said):
            await pipe.write(CALL)
        await told.until(lambda: told.ended)

    before(answer, work, of=Sse)
