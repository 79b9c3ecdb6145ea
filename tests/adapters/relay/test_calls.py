"""A client calls a tool of a hosted server, through the relay, over real HTTP, at a real child."""

from __future__ import annotations

import asyncio
import json

from tests.adapters.relay.talking import serving


def test_each_client_gets_its_own_answers_whatever_ids_it_uses() -> None:
    async def run() -> None:
        async with serving() as here:
            clients = [await here.opened("s") for _ in range(4)]
            ids = (1, "1", 'ä"\\', 2**53, -7)
            found = await asyncio.gather(
                *(one.call("echo", {"text": f"{n} {id}"}, id=id) for n, one in enumerate(clients) for id in ids)
            )
            expected = [(id, f"{n} {id}") for n, _ in enumerate(clients) for id in ids]
            assert [(one["id"], one["result"]["content"][0]["text"]) for one in found] == expected
            assert here.hosting.started == 1

    asyncio.run(run())


def test_two_clients_count_apart_unless_the_row_says_stateless() -> None:
    async def run() -> None:
        async with serving() as here:
            one, other = await here.opened("t"), await here.opened("t")
            assert [await one.text("count"), await one.text("count"), await other.text("count")] == ["1", "2", "1"]
            one, other = await here.opened("s"), await here.opened("s")
            assert [await one.text("count"), await other.text("count")] == ["1", "2"]

    asyncio.run(run())


def test_a_server_has_one_handshake_and_a_private_one_hears_its_client() -> None:
    async def run() -> None:
        async with serving() as here:
            for name, expected in (("t", {"roots": {}}), ("s", {})):
                client = here.client(name)
                await client.open({"roots": {}})
                again = here.client(name)
                await again.open({"sampling": {}})
                said = json.loads(await client.text("environment"))
                assert said["initialized"] == 1
                assert said["said"]["capabilities"] == expected

    asyncio.run(run())


def test_progress_comes_with_the_token_of_its_caller() -> None:
    async def run() -> None:
        async with serving() as here:
            clients = [await here.opened("s") for _ in range(2)]
            begun = await asyncio.gather(*(one.begin("slow_progress", {"steps": 2}, token="same", id=7) for one in clients))
            found = [await one.messages() for one in begun]
            for messages in found:
                assert [one["params"] for one in messages[:-1]] == [
                    {"progressToken": "same", "progress": 1}, {"progressToken": "same", "progress": 2}
                ]  # fmt: skip
                assert messages[-1]["id"] == 7

    asyncio.run(run())


def test_a_result_of_32_mib_comes_whole() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            size = 32 * 1024 * 1024
            assert len(await client.text("big", {"size": size})) == size
            assert await client.text("echo", {"text": "after"}) == "after"

    asyncio.run(run())


def test_text_that_no_reader_of_utf8_takes_is_passed_on_as_json() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            assert await client.text("bytes") == "\ufffd\ufffd"
            assert await client.text("half") == "\ud83d"
            response = await client.send(
                b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"\\ud83d"}}}'
            )
            assert (await response.last())["result"]["content"][0]["text"] == "\ud83d"
            pretty = json.dumps(
                {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "tools/call",
                    "params": {"name": "echo", "arguments": {"text": "a\r\nb"}},
                },
                indent=2,
            ).replace("\n", "\r\n")
            assert (await (await client.send(pretty.encode())).last())["result"]["content"][0]["text"] == "a\r\nb"

    asyncio.run(run())


def test_nothing_that_a_caller_shows_reaches_the_server() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened("t", authorization="Bearer canary-token", cookie="arcops=canary-cookie")
            assert "canary" not in await client.text("environment")

    asyncio.run(run())


def test_an_error_of_the_server_is_its_own() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            assert (await client.call("nothing"))["error"] == {"code": -32602, "message": "no tool nothing"}
            assert (await (await client.request("no/such")).last())["error"]["message"] == "no no/such"

    asyncio.run(run())
