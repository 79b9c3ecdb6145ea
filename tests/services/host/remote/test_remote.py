"""Servers of other machines: the relay before another relay, which serves real children over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from arcops.errors import Refused
from arcops.identity import Identity
from arcops.tier import Tier
from services.host.eras import Era
from services.host.link import Link
from services.host.remote.sse import Sse
from services.host.remote.streamable import Streamable
from tests.adapters.relay.talking import Client, Here, serving, until
from tests.simulators.hosting import Hosting

OVER = {"http": (Streamable, "mcp"), "sse": (Sse, "sse")}


@dataclass(slots=True, kw_only=True)
class Far(Hosting):
    """The servers of the relay at *port*, as remote ones."""

    port: int
    over: str = "http"
    headers: dict[str, str] = field(default_factory=dict)
    pipes: list[Streamable | Sse] = field(default_factory=list)

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        """One link a session."""
        pipe_of, path = OVER[self.over]
        for pipe, link in zip(self.pipes, self.made, strict=True):
            if not pipe.over and (link.name, link.private) == (name, name not in self.stateless):
                return link
        self.started += 1
        url = f"http://127.0.0.1:{self.port}/{name}/{path}"
        pipe = pipe_of(url, tier=Tier.AIR_GAPPED, headers=self.headers, seconds=self.seconds)
        link = Link(pipe, name=name, private=name not in self.stateless, seconds=self.seconds)
        self.pipes.append(pipe)
        self.made.append(link)
        return link

    made: list[Link] = field(default_factory=list)


def across(work: Callable[[Here, Far], Awaitable[None]], *, over: str = "http", **more: object) -> None:
    """Do *work* with a relay that stands before another one."""

    async def done() -> None:
        async with serving() as there:
            far = Far(commands=there.hosting.commands, stateless=there.hosting.stateless, port=there.port, over=over, **more)  # type: ignore[arg-type]
            async with serving(far) as here:
                await work(here, far)
                for pipe in far.pipes:
                    pipe.end("the test ends")
                await asyncio.sleep(0)
                await until(lambda: not any(pipe._tasks for pipe in far.pipes))
                for pipe in far.pipes:
                    await pipe.left()

    asyncio.run(done())


@pytest.mark.parametrize("over", OVER)
def test_calls_of_a_session_with_their_progress(over: str) -> None:
    async def work(here: Here, far: Far) -> None:
        client = await here.opened()
        assert await client.text("echo", {"text": "hello"}) == "hello"
        messages = await (await client.begin("slow_progress", {"steps": 3}, token="p")).messages()
        assert [one["params"]["progress"] for one in messages[:-1]] == [1, 2, 3]
        assert all(one["params"]["progressToken"] == "p" for one in messages[:-1])
        assert [await client.text("count") for _ in range(3)] == ["1", "2", "3"], "it is one session there, too"
        assert far.started == 1

    across(work, over=over)


def test_a_client_of_the_newer_era_at_a_server_of_each() -> None:
    async def work(here: Here, far: Far) -> None:
        for server in ("m", "s"):
            client = here.client(server)
            answer = await (await client.modern("tools/call", {"name": "echo", "arguments": {"text": server}})).last()
            assert answer["result"]["content"][0]["text"] == server, answer

    across(work)


def test_what_the_server_says_of_no_call_arrives() -> None:
    async def work(here: Here, far: Far) -> None:
        client = await here.opened()
        await client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        stream = await client.stream()
        assert await client.text("changed") == "changed"
        async with asyncio.timeout(30):
            async for _, message in stream.events():
                if message.get("method") == "notifications/tools/list_changed":
                    break

    across(work)


@pytest.mark.parametrize("over", OVER)
def test_what_the_server_asks_is_answered_by_the_client(over: str) -> None:
    async def work(here: Here, far: Far) -> None:
        client = await _asking(here)
        begun = await client.begin("ask", id=1)
        async with asyncio.timeout(30):
            async for _, message in begun.events():
                if message.get("method") == "sampling/createMessage":
                    answer = {"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "none"}
                    await client.send({"jsonrpc": "2.0", "id": message["id"], "result": answer})
                elif "result" in message:
                    assert '"yes"' in message["result"]["content"][0]["text"]
                    break

    across(work, over=over)


async def _asking(here: Here) -> Client:
    client = here.client()
    assert "result" in await client.open({"sampling": {}})
    await client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    return client


@pytest.mark.parametrize("over", OVER)
def test_a_call_that_no_one_waits_for_is_cancelled_there(over: str) -> None:
    async def work(here: Here, far: Far) -> None:
        client = await here.opened()
        begun = await client.begin("slow_progress", {"seconds": 600}, id=77, token="p")
        await client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77}})

        async def told() -> bool:
            return len(await client.cancelled()) == 1

        await until(told)
        begun.close()

    across(work, over=over)


def test_many_calls_at_once_and_large_ones_are_whole() -> None:
    async def work(here: Here, far: Far) -> None:
        client = await here.opened("s")
        texts = await asyncio.gather(*(client.text("echo", {"text": str(number)}) for number in range(40)))
        assert texts == [str(number) for number in range(40)]
        assert len(await client.text("big", {"size": 3_000_000})) == 3_000_000

    across(work)


def test_a_server_that_died_there_ends_the_session_and_is_opened_again() -> None:
    async def work(here: Here, far: Far) -> None:
        client = await here.opened()
        assert "error" in await client.call("die")
        again = await here.opened()
        assert await again.text("echo", {"text": "back"}) == "back"

    across(work)


def test_a_session_that_is_forgotten_there_is_opened_again() -> None:
    async def work(here: Here, far: Far) -> None:
        client = await here.opened("s")
        (pipe,) = far.pipes
        assert isinstance(pipe, Streamable)
        pipe._session = "no-such-session"
        assert "session" in (await client.call("echo"))["error"]["message"]
        assert pipe.over
        again = await here.opened("s")
        assert await again.text("echo", {"text": "back"}) == "back"

    across(work)


def test_one_that_is_not_there_fails_the_handshake() -> None:
    async def work(here: Here, far: Far) -> None:
        far.port = 9
        answer = await here.client().open()
        assert "cannot be reached" in answer["error"]["message"]

    across(work)


@pytest.mark.parametrize("url", ["https://mcp.example/mcp", "http://user:pw@127.0.0.1/mcp", "ftp://127.0.0.1/mcp"])
def test_what_the_tier_does_not_reach_is_refused(url: str) -> None:
    async def made() -> None:
        with pytest.raises(Refused):
            Streamable(url, tier=Tier.AIR_GAPPED, headers={}, seconds=1)

    asyncio.run(made())
