"""A call that no one waits for any more is cancelled at its server, by the server's own id, and no other call suffers."""

from __future__ import annotations

import asyncio

import pytest

from adapters.relay import exchange
from tests.adapters.relay.talking import serving, until
from tests.simulators.hosting import Hosting, trivial


def test_the_client_cancels() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            slow = asyncio.create_task(client.call("slow", {"seconds": 60}, id="mine"))
            await until(lambda: bool(_link(here).busy))
            cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "mine", "reason": "no"}}
            assert (await client.send(cancelled)).status == 202
            answer = await slow
            assert answer["id"] == "mine"
            assert answer["error"]["code"] == -32800
            assert len(await client.cancelled()) == 1

    asyncio.run(run())


def test_a_client_cancels_only_what_is_its_own() -> None:
    async def run() -> None:
        async with serving() as here:
            one, other = await here.opened("s"), await here.opened("s")
            slow = asyncio.create_task(one.call("slow", {"seconds": 0.5}, id=5))
            await until(lambda: bool(_link(here).busy))
            await other.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}})
            assert (await slow)["result"]["content"][0]["text"] == "slept"
            assert await other.cancelled() == []

    asyncio.run(run())


@pytest.mark.parametrize("how", ["leaves", "ends its session"])
def test_the_client_is_gone(how: str) -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened("s")
            watcher = await here.opened("s")
            waiting = asyncio.create_task(client.begin("slow", {"seconds": 60}))
            await until(lambda: bool(_link(here).busy))
            if how == "leaves":
                waiting.cancel()
                from tests.adapters.relay import talking

                talking._OPEN[-1].abort()
            else:
                from tests.adapters.relay.talking import ask

                own = {"mcp-session-id": client.session}
                assert (await ask(here.port, "DELETE", "/s/mcp", own)).status == 200
                assert (await (await waiting).last())["error"]["code"] == -32800
            await until(lambda: not _link(here).busy)
            assert len(await watcher.cancelled()) == 1

    asyncio.run(run())


def test_a_client_that_can_resume_has_a_moment_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with serving() as here:
            client, watcher = await here.opened("s"), await here.opened("s")
            for seconds, gone in ((30.0, []), (0.05, [1])):
                monkeypatch.setattr(exchange, "RESUME_SECONDS", seconds)
                begun = await client.begin("slow_progress", {"steps": 2, "seconds": 0.6}, token="x")
                events = begun.events()
                id, first = await anext(events)
                assert first["params"]["progress"] == 1
                begun.close()
                if gone:
                    await until(lambda: not _link(here).busy)
                    assert len(await watcher.cancelled()) == 1
                else:
                    rest = await (await client.stream(last=id)).messages()
                    assert [one.get("method", "answer") for one in rest] == ["notifications/progress", "answer"]
                    assert await watcher.cancelled() == []

    asyncio.run(run())


def test_a_call_that_takes_too_long_is_cancelled() -> None:
    async def run() -> None:
        hosting = Hosting(commands={"t": trivial()}, seconds=0.2)
        async with serving(hosting) as here:
            client = await here.opened()
            answer = await client.call("slow", {"seconds": 60})
            assert "did not answer tools/call in time" in answer["error"]["message"]
            assert len(await client.cancelled()) == 1

    asyncio.run(run())


def test_of_many_calls_only_those_that_were_cancelled_fail() -> None:
    async def run() -> None:
        async with serving() as here:
            clients = [await here.opened("s") for _ in range(8)]
            cancelled: set[tuple[int, int]] = set()
            failed: set[tuple[int, int]] = set()

            async def one(which: int) -> None:
                client = clients[which]
                for number in range(100):
                    if number == 50:
                        cancelled.add((which, number))
                        slow = asyncio.create_task(client.call("slow", {"seconds": 60}, id=number))
                        await asyncio.sleep(0.01)
                        message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
                        await client.send(message)
                        answer = await slow
                    else:
                        answer = await client.call("echo", {"text": str(number)}, id=number)
                    if "result" not in answer:
                        failed.add((which, number))

            await asyncio.gather(*(one(which) for which in range(8)))
            assert failed == cancelled
            assert _link(here).counts.unknown == 0

    asyncio.run(run())


def _link(here):  # type: ignore[no-untyped-def]
    return next(link for link, _ in here.hosting.links.values() if not link.ended)
