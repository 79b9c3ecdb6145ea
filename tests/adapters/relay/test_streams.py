"""Streams of events: what they carry, once; how they stay open, end, and go on where they broke."""

from __future__ import annotations

import asyncio
import json

import pytest

from adapters.http.access import NEARBY
from adapters.relay import answers
from services.host import streams
from tests.adapters.relay.talking import ask, serving, until


def test_a_change_reaches_every_session_once() -> None:
    async def run() -> None:
        async with serving() as here:
            clients = [await here.opened("s") for _ in range(3)]
            opened = [(await one.stream()).events() for one in clients]
            await clients[0].text("changed")
            await clients[0].text("changed")
            for one in opened:
                for _ in range(2):
                    _, message = await anext(one)
                    assert message == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}

    asyncio.run(run())


def test_a_change_waits_for_a_stream_that_is_opened_later() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            await client.text("changed")
            _, message = await anext((await client.stream()).events())
            assert message["method"] == "notifications/tools/list_changed"

    asyncio.run(run())


def test_a_log_line_goes_with_its_call_and_to_no_one_else() -> None:
    async def run() -> None:
        async with serving() as here:
            client, other = await here.opened("s"), await here.opened("s")
            heard = (await other.stream()).events()
            messages = await (await client.begin("log", {"text": "secret"})).messages()
            assert [one.get("method", "answer") for one in messages] == ["notifications/message", "answer"]
            await client.text("changed")
            _, first = await anext(heard)
            assert first["method"] == "notifications/tools/list_changed"

    asyncio.run(run())


def test_only_who_subscribed_hears_of_a_resource() -> None:
    async def run() -> None:
        async with serving() as here:
            one, other = await here.opened("s"), await here.opened("s")
            hears, not_hears = (await one.stream()).events(), (await other.stream()).events()
            assert (await (await one.request("resources/subscribe", {"uri": "a:b"})).last())["result"] == {}
            _, updated = await anext(hears)
            assert updated["params"] == {"uri": "a:b"}
            await one.text("changed")
            _, first = await anext(not_hears)
            assert first["method"] == "notifications/tools/list_changed"

    asyncio.run(run())


def test_comments_keep_every_open_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEEP_ALIVE_SECONDS", 0.02)

    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            legacy = await ask(here.port, "GET", "/t/sse", {"accept": "text/event-stream"})
            for stream in (await client.stream(), legacy):
                comments = 0
                async for line in stream.lines():
                    comments += line == ": keep-alive"
                    if comments == 3:
                        break
            begun = asyncio.create_task(client.begin("slow_progress", {"steps": 1, "seconds": 60}, token=1))
            async for line in (await begun).lines():
                if line == ": keep-alive":
                    break

    asyncio.run(run())


def test_a_stream_goes_on_where_it_broke() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            messages = [id async for id, _ in (await client.begin("slow_progress", {"steps": 5}, token=1)).events()]
            assert len(messages) == 6
            for at in (0, 3, 5):
                rest = [id async for id, _ in (await client.stream(last=messages[at])).events()]
                assert rest == messages[at + 1 :]
            primed = messages[0].rpartition("-")[0] + "-0"
            assert [id async for id, _ in (await client.stream(last=primed)).events()] == messages
            assert (await client.stream(last="r999-1")).status == 404
            assert (await client.stream(last="nonsense")).status == 200

    asyncio.run(run())


def test_a_session_has_one_open_stream() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            first = await client.stream()
            assert (await client.stream()).status == 409
            first.close()

            async def again() -> bool:
                return (await client.stream()).status == 200

            await until(again)

    asyncio.run(run())


def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_EVENTS", 50)

    async def run() -> None:
        async with serving() as here:
            client = await here.opened("s")
            stream = await client.stream()
            session = here.app.sessions.find(client.session, "s", NEARBY)
            assert session is not None
            for _ in range(20):
                for _ in range(60):
                    session.standing.put(b'{"jsonrpc":"2.0","method":"x","params":{"x":"' + b"y" * 100_000 + b'"}}')
                if not session.standing.attached:
                    break
                await asyncio.sleep(0)
            await until(lambda: not session.standing.attached)
            assert len(session.standing._events) <= 51
            stream.close()

    asyncio.run(run())


def test_50_clients_of_http_and_sse_are_served() -> None:
    async def run() -> None:
        async with serving() as here:

            async def one(number: int) -> str:
                stream = await ask(here.port, "GET", "/s/sse", {"accept": "text/event-stream"})
                lines = stream.lines()
                assert await anext(lines) == "event: endpoint"
                path = (await anext(lines)).removeprefix("data: ")
                params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
                found = []
                for message in (
                    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
                    {"jsonrpc": "2.0", "method": "notifications/initialized"},
                    {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                     "params": {"name": "echo", "arguments": {"text": str(number)}}},
                ):  # fmt: skip
                    posted = await ask(
                        here.port, "POST", path, {"content-type": "application/json"}, json.dumps(message).encode()
                    )
                    assert posted.status == 202
                    if "id" in message:
                        async for line in lines:
                            if line.startswith("data: "):
                                found.append(json.loads(line[6:]))
                                break
                assert found[0]["result"]["protocolVersion"] == "2024-11-05"
                stream.close()
                return str(found[1]["result"]["content"][0]["text"])

            assert await asyncio.gather(*(one(number) for number in range(50))) == [str(number) for number in range(50)]
            await until(lambda: len(here.app.sessions) == 0)
            assert here.hosting.started == 1

    asyncio.run(run())
