"""Every request that gives out content has one record, however it ends; and what reached a server is what the records say."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.http.access import Door
from tests.adapters.relay.talking import Client, Here, serving
from tests.adapters.relay.test_access import place, shown
from tests.services.host.costs.calls import Kept, meter
from tests.simulators import counting_server
from tests.simulators.hosting import Hosting
from tests.simulators.issuer import Issuer

__all__ = ["place"]
GIVEN = ("resources/read", "prompts/get")
CONTENT = ("tools/call", "resources/read", "prompts/get", "completion/complete")
SLOW = 30
MANY = "rates:\n  - {name: calls, calls: 10000, per: minute}\n"


def records(door: Door, home: Path) -> list[dict[str, Any]]:
    assert door.accounts is not None
    door.accounts.audit.flush()
    text = "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file() and "audit" in path.parts)
    return [json.loads(line) for line in text.splitlines() if '"door":"relay"' in line and line.startswith("{")]


class Caller:
    """Asks in every way, and counts what it asked."""

    def __init__(self, here: Here, issuer: Issuer, book: Path) -> None:
        self.here, self.issuer, self.book = here, issuer, book
        self.asked = self.slow = 0

    async def client(self) -> Client:
        found = self.here.client("t", **shown(self.issuer, "ada"))
        await found.open()
        return found

    async def one(self, kind: str) -> None:
        client = await self.client()
        self.asked += 1
        await getattr(self, kind)(client)

    async def well(self, client: Client) -> None:
        assert await client.text("echo", {"text": "hi"}) == "hi"

    async def no_such_tool(self, client: Client) -> None:
        await client.call("nothing")

    async def denied(self, client: Client) -> None:
        await client.call("die")

    async def no_name(self, client: Client) -> None:
        await client.request("tools/call", {"arguments": {}})

    async def resource(self, client: Client) -> None:
        await client.request("resources/read", {"uri": "file:///x"})

    async def prompt(self, client: Client) -> None:
        await client.request("prompts/get", {"name": "p"})

    async def read(self, client: Client) -> None:
        message = await (await client.request("resources/read", {"uri": "test://text"})).last()
        assert message["result"]["contents"][0]["text"] == "what it holds"

    async def prompted(self, client: Client) -> None:
        message = await (await client.request("prompts/get", {"name": "greet", "arguments": {"who": "you"}})).last()
        assert message["result"]["messages"]

    async def completed(self, client: Client) -> None:
        ref, argument = {"type": "ref/prompt", "name": "greet"}, {"name": "who", "value": "y"}
        await client.request("completion/complete", {"ref": ref, "argument": argument})

    async def cancelled(self, client: Client) -> None:
        waiting = asyncio.create_task(client.call("slow", {"seconds": SLOW}))
        self.slow += 1
        while self.book.read_text().count("tools/call slow") < self.slow:
            assert not waiting.done(), f"it was answered before it reached the server: {waiting.result()}"
            await asyncio.sleep(0.02)
        await client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": client.numbers}})
        await waiting

    async def wrong_session(self, client: Client) -> None:
        client.session = "no-such-session"
        assert (await client.request("tools/call", {"name": "echo", "arguments": {}})).status == 404

    async def modern_without_its_headers(self, client: Client) -> None:
        assert (await client.modern("tools/call", {"name": "echo", "arguments": {}}, mcp_name="other")).status == 400


KINDS = (
    *("well", "no_such_tool", "denied", "no_name", "resource", "prompt", "read", "prompted", "completed"),
    *("cancelled", "wrong_session", "modern_without_its_headers"),
)


@pytest.mark.requirement("HOST-005-006-022/every-call-is-audited", "HOST-026-028/cost-events")
@pytest.mark.parametrize("place", [MANY], indirect=True, ids=["many calls"])
def test_both_sides_count_the_same(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    door, issuer, home = place
    book = tmp_path / "book"
    command = [sys.executable, "-I", "-S", counting_server.__file__, str(book)]
    kinds = [*KINDS, *random.Random(22).choices(KINDS, k=40)]  # noqa: S311  # the same each time

    costs = Kept()
    measuring = meter(costs, tmp_path)

    async def run() -> int:
        async with serving(Hosting(commands={"t": command}), door, meter=measuring) as here:
            caller = Caller(here, issuer, book)
            for kind in kinds:
                await caller.one(kind)
            return caller.asked

    asked = asyncio.run(run())
    measuring.close()
    found = records(door, home)
    assert len(found) == asked == len(kinds)
    assert {(one["actor"]["id"], one["object"]) for one in found} == {("ada", "servers/t")}
    assert {one["action"] for one in found} == {"tools/call", *GIVEN, "completion/complete"}
    told = Counter(one["outcome"] for one in found)
    times = Counter(kinds)
    assert told == {
        "done": sum(times[one] for one in ("well", "read", "prompted", "completed")),
        "denied": times["denied"],
        "refused": times["wrong_session"] + times["modern_without_its_headers"],
        "failed": sum(times[one] for one in ("no_such_tool", "no_name", "resource", "prompt", "cancelled")),
    }
    reached = [line for line in book.read_text().splitlines() if line.startswith(CONTENT)]
    assert len(reached) == told["done"] + told["failed"]
    assert all(one["latencyUs"] > 0 for one in found if one["outcome"] in ("done", "failed"))
    assert Counter(one["reason"] for one in found)["Stopped"] == times["cancelled"]
    read_by_a_model = [line for line in reached if not line.startswith("completion/complete")]
    events = costs.events
    assert len(events) == len(read_by_a_model), "each has one event of cost, also a resource and a prompt"
    assert Counter(one.tool for one in events if one.tool in GIVEN) == Counter(
        line.split()[0] for line in reached if line.startswith(GIVEN)
    )
    assert all(one.audited and one.server == "t" and one.identity == "ada" for one in events)
    paid = [one for one in events if one.outcome == "done"]
    assert len(paid) == told["done"] - times["completed"]
    assert all(one.bytes_in > 0 and one.tokens_out > 0 for one in paid)


@pytest.mark.requirement("HOST-005-006-022/every-call-is-audited")
def test_a_limit_and_a_lost_client_are_told_too(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    door, issuer, home = place
    book = tmp_path / "book"
    command = [sys.executable, "-I", "-S", counting_server.__file__, str(book)]

    async def run() -> None:
        async with serving(Hosting(commands={"t": command}), door) as here:
            client = here.client("t", **shown(issuer, "ada"))
            await client.open()
            statuses = [(await client.begin("echo", {"text": "x"})).status for _ in range(5)]
            assert statuses == [200, 200, 200, 429, 429]

    asyncio.run(run())
    found = records(door, home)
    assert Counter(one["outcome"] for one in found) == {"done": 3, "limit": 2}
    assert book.read_text().count("tools/call echo") == 3
