"""Clients and servers of both eras: each client at each server; what cannot be said between them is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from services.host.eras import Era
from tests.adapters.relay.talking import META, MODERN, serving
from tests.simulators.hosting import Hosting, trivial


@pytest.mark.parametrize("server", ["t", "s", "m"])
def test_a_client_of_2026_lists_and_calls_at_any_server(server: str) -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client(server)
            found = (await (await client.modern("server/discover")).last())["result"]
            assert found["supportedVersions"] == [MODERN]
            assert found["_meta"][META + "serverInfo"]["name"] == "trivial"
            assert found["resultType"] == "complete"
            listed = (await (await client.modern("tools/list")).last())["result"]
            assert listed["tools"][0]["name"] == "echo"
            if server != "m":
                assert (listed["resultType"], listed["ttlMs"], listed["cacheScope"]) == ("complete", 0, "private")
            response = await client.modern("tools/call", {"name": "echo", "arguments": {"text": "hi"}}, id="x")
            assert response.status == 200
            assert (await response.last())["result"]["content"][0]["text"] == "hi"

    asyncio.run(run())


def test_a_client_of_2025_is_served_by_a_server_of_2026() -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("m")
            answer = await client.open()
            assert answer["result"]["protocolVersion"] == "2025-11-25"
            assert answer["result"]["serverInfo"]["name"] == "trivial"
            assert answer["result"]["capabilities"] == {"tools": {}}
            said = json.loads(await client.text("environment", token="t"))
            assert said["meta"][META + "protocolVersion"] == MODERN
            assert said["meta"][META + "clientCapabilities"] == {}
            refused = await (await client.request("resources/subscribe", {"uri": "a:b"})).last()
            assert refused["error"]["code"] == -32601
            assert MODERN in refused["error"]["message"]

    asyncio.run(run())


def test_a_server_of_2025_sees_nothing_of_the_words_of_2026() -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("s")
            params = {"name": "environment", "_meta": {"progressToken": "mine", "own": 1}}
            messages = await (await client.modern("tools/call", params)).messages()
            assert list(json.loads(messages[-1]["result"]["content"][0]["text"])["meta"]) == ["progressToken", "own"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("changed", "code", "status"),
    [
        ({"mcp_method": "tools/call"}, -32020, 400),
        ({"mcp_method": ""}, -32020, 400),
        ({"mcp_name": "other"}, -32020, 400),
        ({"mcp_name": "=?base64?bm90IGVjaG8=?="}, -32020, 400),
        ({"mcp_name": "=?base64?!!!?="}, -32020, 400),
        ({"mcp_protocol_version": "2099-01-01"}, -32020, 400),
    ],
)
def test_headers_that_say_something_else_than_the_body_are_refused(changed: dict[str, str], code: int, status: int) -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("s")
            method = "tools/call"
            if changed.get("mcp_method") == "tools/call":
                changed["mcp_method"] = "tools/list"
            response = await client.modern(method, {"name": "echo", "arguments": {}}, **changed)
            assert response.status == status
            assert (await response.last())["error"]["code"] == code
            assert here.hosting.started == 0

    asyncio.run(run())


def test_what_this_era_needs_is_asked_for() -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("s")
            headers = {"mcp_protocol_version": MODERN, "mcp_method": "tools/list"}
            for params in (None, {}, {"_meta": {}}, {"_meta": {META + "protocolVersion": MODERN}}, {"_meta": 1}):
                message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
                response = await client.send(message | ({"params": params} if params is not None else {}), **headers)
                assert (response.status, (await response.last())["error"]["code"]) == (400, -32602)
            response = await client.modern(
                "tools/list", {"_meta": {META + "protocolVersion": "2099-01-01"}}, mcp_protocol_version="2099-01-01"
            )
            error = (await response.last())["error"]
            assert (response.status, error["code"], error["data"]["supported"]) == (400, -32022, [MODERN])
            response = await client.modern("ping")
            assert (response.status, (await response.last())["error"]["code"]) == (404, -32601)
            response = await client.modern("no/such")
            assert (response.status, (await response.last())["error"]["code"]) == (404, -32601)

    asyncio.run(run())


def test_a_name_that_is_no_header_comes_as_base64() -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("s")
            response = await client.modern("tools/call", {"name": "wérkzeug"}, mcp_name="=?base64?d8Opcmt6ZXVn?=")
            assert (await response.last())["error"]["message"] == "no tool wérkzeug"

    asyncio.run(run())


def test_a_client_of_2026_hears_what_changes_at_a_server_of_2025() -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("s")
            asked = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["a:b"]}}
            listening = await client.modern("subscriptions/listen", asked, id="sub")
            events = listening.events()
            _, first = await anext(events)
            assert first["method"] == "notifications/subscriptions/acknowledged"
            assert first["params"]["notifications"] == asked["notifications"]
            _, updated = await anext(events)
            assert updated["method"] == "notifications/resources/updated"
            await client.modern("tools/call", {"name": "changed"})
            _, changed = await anext(events)
            assert changed["method"] == "notifications/tools/list_changed"
            assert changed["params"]["_meta"][META + "subscriptionId"] == "sub"

    asyncio.run(run())


def test_a_server_that_is_shared_may_ask_no_client_and_a_private_one_asks_its_own() -> None:
    async def run() -> None:
        async with serving() as here:
            shared = await here.opened("s")
            refused = json.loads(await shared.text("ask"))
            assert refused["error"]["code"] == -32601
            assert "share this server" in refused["error"]["message"]
            client = await here.opened("t")
            begun = await client.begin("ask", id=1)
            events = begun.events()
            _, asked = await anext(events)
            assert asked["method"] == "sampling/createMessage"
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"role": "assistant"}}
            other = await here.opened("t")
            await other.send(answer)  # of another session: it is not asked
            assert (await client.send(answer)).status == 202
            _, last = await anext(events)
            assert json.loads(last["result"]["content"][0]["text"]) == {"result": {"role": "assistant"}}

    asyncio.run(run())


def test_a_client_of_2026_at_a_private_server_of_2025_is_not_asked() -> None:
    async def run() -> None:
        async with serving() as here:
            client = here.client("t")
            answer = await (await client.modern("tools/call", {"name": "ask"})).last()
            assert json.loads(answer["result"]["content"][0]["text"])["error"]["code"] == -32601

    asyncio.run(run())


def test_a_row_that_says_how_its_server_speaks_is_asked_so_at_once() -> None:
    async def run() -> None:
        hosting = Hosting(commands={"m": trivial("--modern")}, eras=frozenset((Era.MODERN,)))
        async with serving(hosting) as here:
            client = await here.opened("m")
            assert await client.text("echo", {"text": "hi"}) == "hi"
            assert [key[3] for key in hosting.links] == [Era.MODERN]

    asyncio.run(run())
