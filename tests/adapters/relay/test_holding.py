"""Answers that wait for slow clients are bounded, for each caller and over all."""

from __future__ import annotations

import asyncio
import json

import pytest

from adapters.relay.holding import Holding
from services.host.calls import TooMuch
from tests.adapters.relay.talking import ACCEPT, ask, serving

ADA, EVE = ("i", "t", "ada"), ("i", "t", "eve")


def test_what_is_held_is_bounded_and_given_back() -> None:
    held = Holding(most_each=100, most=150)
    with held.one(ADA, 500):  # the first always finds room
        with pytest.raises(TooMuch, match="500 bytes of answers wait for you"), held.one(ADA, 1):
            raise AssertionError
        with held.one(EVE, 10):
            pass
    with held.one(ADA, 60), held.one(EVE, 60), pytest.raises(TooMuch), held.one(EVE, 40):
        raise AssertionError
    with held.one(ADA, 60), held.one(ADA, 40):
        pass
    assert not held._each
    assert held._all == 0


def test_a_client_that_takes_nothing_gets_no_second_large_answer() -> None:
    async def run() -> None:
        async with serving() as here:
            here.app.legacy.calling.holding.most_each = 40_000_000
            client = await here.opened()
            call = {
                "jsonrpc": "2.0",
                "id": "slow",
                "method": "tools/call",
                "params": {"name": "big", "arguments": {"size": 32_000_000}},
            }
            own = {**ACCEPT, "mcp-session-id": client.session}
            slow = await ask(here.port, "POST", "/t/mcp", own, json.dumps(call).encode(), limit=65536)  # and it is not read
            answer = await client.call("big", {"size": 32_000_000})
            assert "is not kept" in answer["error"]["message"]
            assert await client.text("big", {"size": 1_000}) == "x" * 1_000
            assert len(await slow.body()) > 32_000_000
            assert len(await client.text("big", {"size": 32_000_000})) == 32_000_000

    asyncio.run(run())
