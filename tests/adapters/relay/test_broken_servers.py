"""A server that misbehaves: its own call errs, the session lives, and other servers and sessions notice nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.adapters.relay.talking import ask, serving, until
from tests.simulators.hosting import Hosting, trivial


def test_a_server_that_dies_answers_its_calls_with_an_error_and_is_served_again() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            slow = asyncio.create_task(client.call("slow", {"seconds": 60}))
            await asyncio.sleep(0.05)
            died = await client.call("die")
            assert "the server " in died["error"]["message"]
            assert "the server " in (await slow)["error"]["message"]
            status = json.loads(await (await ask(here.port, "GET", "/t/status")).body())
            assert (status["state"], status["pids"]) == ("Error", []), status
            assert await client.text("echo", {"text": "again"}) == "again"
            assert here.hosting.started == 2

    asyncio.run(run())


def test_garbage_and_wrong_ids_are_dropped() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            assert await client.text("garbage", {"lines": 5}) == "after garbage"
            assert await client.text("wrong_id") == "yours"
            link, _ = next(iter(here.hosting.links.values()))
            assert (link.counts.strays, link.counts.unknown) == (6, 3)  # an id of 1.5 is no message at all

    asyncio.run(run())


def test_a_server_that_prints_nothing_but_garbage_is_ended() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            answer = await client.call("garbage", {"lines": 1001})
            assert "1000 lines to its output that are no messages" in answer["error"]["message"]
            assert await client.text("echo", {"text": "again"}) == "again"

    asyncio.run(run())


@pytest.mark.parametrize("id", ["first", "last"])
def test_a_message_over_the_bound_errs_only_its_own_call(id: str) -> None:
    async def run() -> None:
        hosting = Hosting(commands={"t": trivial()}, limit=100_000)
        async with serving(hosting) as here:
            client = await here.opened()
            slow = asyncio.create_task(client.call("slow", {"seconds": 0.3}))
            await asyncio.sleep(0.05)
            answer = await client.call("huge", {"size": 1_000_000, "id": id})
            assert "which is over the bound" in answer["error"]["message"]
            assert (await slow)["result"]["content"][0]["text"] == "slept"
            assert await client.text("huge", {"size": 90_000, "id": id}) == "x" * 90_000
            assert hosting.started == 1

    asyncio.run(run())


def test_a_server_that_never_reads_makes_its_calls_err_and_no_others() -> None:
    async def run() -> None:
        hosting = Hosting(commands={"t": trivial(), "other": trivial()}, write_seconds=0.2, seconds=1.0)
        async with serving(hosting) as here:
            client, other = await here.opened(), await here.opened("other")
            assert await client.text("sleepless") == "good night"
            answers = await asyncio.gather(*(client.call("echo", {"text": "x" * 500_000}) for _ in range(4)))
            assert all("error" in one for one in answers)
            assert await other.text("echo", {"text": "fine"}) == "fine"

    asyncio.run(run())


def test_a_flood_is_bounded_and_the_session_lives() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            begun = await client.begin("flood", {"messages": 3000, "size": 10_000})  # 30 MB, not read
            await until(lambda: not here.app.sessions.find(client.session, "t", _nearby()).requests, 30.0)
            begun.close()
            session = here.app.sessions.find(client.session, "t", _nearby())
            assert session is not None
            held = sum(stream._bytes for stream in (session.standing, *session.streams.values()))
            assert held <= 16 * 1024 * 1024
            assert await client.text("echo", {"text": "alive"}) == "alive"

    asyncio.run(run())


def _nearby():  # type: ignore[no-untyped-def]
    from adapters.http.access import NEARBY

    return NEARBY


def test_one_bad_server_does_not_down_the_others() -> None:
    async def run() -> None:
        hosting = Hosting(commands={"t": trivial(), "bad": ["/bin/false"]})
        async with serving(hosting) as here:
            answer = await here.client("bad").open()
            assert "the server " in answer["error"]["message"]
            client = await here.opened()
            assert await client.text("echo", {"text": "fine"}) == "fine"

    asyncio.run(run())
