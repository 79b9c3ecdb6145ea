"""``/all/mcp``: tools of several servers under one address, each call exactly as if its server had been asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from adapters.http.access import Door
from adapters.relay.finding import FIND, USE
from adapters.relay.together import MOST_LISTED
from arcops.seen.server_tools import ServerTools
from artifacts.canonical import canonical
from services.host.offers import Offer, Offered, Offers, _digest, _together, offers_of
from tasks.server.definitions import pinned
from tests.adapters.relay.talking import META, MODERN, serving, until
from tests.adapters.relay.test_access import place as place
from tests.adapters.relay.test_access import shown
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.issuer import Issuer
from tests.simulators.trivial_server import TOOLS

pytestmark = pytest.mark.requirement("HOST-META/all-servers-together")


def evidence(tools: list[dict[str, Any]]) -> ServerTools:
    pins = tuple(pinned("tool", one) for one in tools)
    texts = tuple(sorted(canonical(one).decode() for one in tools))
    return ServerTools(eras=("legacy",), version="2025-11-25", pins=pins, texts=(), definitions=texts)


@dataclass
class Fixed(Offers):
    """Offers that a test says. That they follow the verdicts is in `tests/services/host/test_offers.py`."""

    found: Offered = field(default_factory=Offered)

    async def now(self) -> Offered:
        return self.found

    def offer(self, **tools: list[dict[str, Any]]) -> Fixed:
        every: list[Offer] = [one for name, mine in sorted(tools.items()) for one in offers_of(name, evidence(mine))]
        self.found = _together(every, _digest(every, ()))
        return self


def fixed(**tools: list[dict[str, Any]]) -> Fixed:
    return Fixed(rows=lambda: (), verdicts=mock.Mock()).offer(**tools)


def hosting() -> Hosting:
    commands = {"t": trivial(), "s": trivial(), "m": trivial("--modern")}
    return Hosting(commands=commands, stateless=frozenset(("s", "m")))


def several() -> Fixed:
    return fixed(t=TOOLS, s=TOOLS[:3], m=TOOLS[:2])


async def listed(client: Any) -> list[str]:
    message = await (await client.request("tools/list")).last()
    return [one["name"] for one in message["result"]["tools"]]


def test_a_client_of_2025_lists_all_and_calls_each() -> None:
    async def run() -> None:
        async with serving(hosting(), offers=several()) as here:
            client = await here.opened("all")
            names = await listed(client)
            assert names == [
                f"{one}_{tool['name']}"
                for one, mine in (("m", 2), ("s", 3), ("t", len(TOOLS)))
                for tool in sorted(TOOLS[:mine], key=lambda found: str(found["name"]))
            ]
            assert here.hosting.started == 0, "no server is started to be listed"
            for server in ("t", "s", "m"):
                assert await client.text(f"{server}_echo", {"text": server}) == server
            assert here.hosting.started == 3
            assert [await client.text("t_count") for _ in range(2)] == ["1", "2"], "one child for one session"
            other = await here.opened("all")
            assert await other.text("t_count") == "1"
            messages = await (await client.begin("t_slow_progress", {"ms": 10}, token="mine")).messages()
            assert {one["params"]["progressToken"] for one in messages[:-1] if "params" in one} == {"mine"}

    asyncio.run(run())


def test_a_client_of_2026_lists_all_and_calls_each() -> None:
    async def run() -> None:
        async with serving(hosting(), offers=several()) as here:
            client = here.client("all")
            found = (await (await client.modern("server/discover")).last())["result"]
            assert (found["supportedVersions"], found["resultType"]) == ([MODERN], "complete")
            assert found["_meta"][META + "serverInfo"]["name"] == "arcops-all"
            told = (await (await client.modern("tools/list")).last())["result"]
            assert len(told["tools"]) == 5 + len(TOOLS)
            assert (told["resultType"], told["ttlMs"]) == ("complete", 0)
            assert here.hosting.started == 0
            for server in ("t", "s", "m"):
                response = await client.modern("tools/call", {"name": f"{server}_echo", "arguments": {"text": server}})
                assert response.status == 200
                assert (await response.last())["result"]["content"][0]["text"] == server
            wrong = await client.modern("tools/call", {"name": "t_echo", "arguments": {}}, mcp_name="echo")
            assert wrong.status == 400, "the header says another name than the body"
            unknown = await client.modern("resources/list")
            assert unknown.status == 404

    asyncio.run(run())


def test_what_is_not_there_is_said() -> None:
    async def run() -> None:
        async with serving(hosting(), offers=several()) as here:
            client = await here.opened("all")
            for name in ("echo", "t_nothing", "_find_tools", "x_echo", ""):
                error = (await client.call(name))["error"]
                assert error["code"] == -32602
                assert "there is no tool" in error["message"]
            assert (await (await client.request("resources/read", {"uri": "a:b"})).last())["error"]["code"] == -32601
            for kind in ("status", "sse"):
                assert (await _get(here.port, f"/all/{kind}")) == 404
            assert await client.text("t_echo", {"text": "still"}) == "still"
        async with serving(hosting()) as here:
            assert (await here.client("all").open())["error"]["message"].startswith("there is no server 'all'")

    asyncio.run(run())


async def _get(port: int, path: str) -> int:
    from tests.adapters.relay.talking import ask

    return (await ask(port, "GET", path)).status


def test_a_broken_server_breaks_only_its_own_calls() -> None:
    async def run() -> None:
        async with serving(hosting(), offers=several()) as here:
            client = await here.opened("all")
            assert await client.text("s_echo", {"text": "a"}) == "a"
            assert "error" in await client.call("t_die")
            assert await client.text("s_echo", {"text": "b"}) == "b"
            assert await client.text("t_echo", {"text": "again"}) == "again"

    asyncio.run(run())


def test_changes_are_told_to_clients_of_both_eras() -> None:
    """By a verdict that adds or takes away something, and by a server that says so itself."""

    async def run() -> None:
        offers = several()
        async with serving(hosting(), offers=offers) as here:
            client = await here.opened("all")
            stream = await client.stream()
            modern = await here.client("all").modern(
                "subscriptions/listen", {"notifications": {"toolsListChanged": True}}, id="m"
            )
            heard = modern.events()
            assert (await anext(heard))[1]["method"] == "notifications/subscriptions/acknowledged"
            told = stream.events()
            offers.offer(t=TOOLS)
            assert (await anext(told))[1]["method"] == "notifications/tools/list_changed"
            _, message = await anext(heard)
            assert message["method"] == "notifications/tools/list_changed"
            assert message["params"]["_meta"][META + "subscriptionId"] == "m"
            assert all(one.startswith("t_") for one in await listed(client))
            await client.call("t_changed")
            assert (await anext(told))[1]["method"] == "notifications/tools/list_changed"
            modern.close()

    asyncio.run(run())


def test_many_tools_are_found_and_used_by_two() -> None:
    async def run() -> None:
        many = [{"name": f"tool{number}", "inputSchema": {"type": "object"}} for number in range(60)]
        async with serving(hosting(), offers=fixed(s=[*many, *TOOLS], t=[*many, *TOOLS])) as here:
            client = await here.opened("all")
            assert len(TOOLS) * 2 + 120 > MOST_LISTED
            assert await listed(client) == [FIND, USE]
            found = json.loads(await client.text(FIND, {"query": "echo t"}))
            assert "t_echo" in [one["name"] for one in found["tools"]]
            assert all("inputSchema" in one for one in found["tools"])
            assert len(json.loads(await client.text(FIND))["names"]) == len(TOOLS) * 2 + 120
            assert await client.text(USE, {"name": "t_echo", "arguments": {"text": "used"}}) == "used"
            assert await client.text("t_echo", {"text": "directly"}) == "directly"
            for wrong in ({}, {"name": USE}, {"name": "t_echo", "arguments": 1}, {"name": 1}, {"name": "t_echo", "more": 1}):
                assert (await client.call(USE, wrong))["error"]["code"] == -32602
            assert (await client.call(FIND, {"query": 1}))["error"]["code"] == -32602

    asyncio.run(run())


def test_sessions_with_single_servers_end_with_the_whole() -> None:
    async def run() -> None:
        async with serving(hosting(), offers=several()) as here:
            client = await here.opened("all")
            await client.text("t_echo", {"text": "x"})
            assert len(here.app.sessions) == 2
            from tests.adapters.relay.talking import ask

            ended = await ask(here.port, "DELETE", "/all/mcp", {"mcp-session-id": client.session})
            assert ended.status == 200
            assert len(here.app.sessions) == 0
            await until(lambda: all(link.ended for link, _ in here.hosting.links.values()))

    asyncio.run(run())


def test_a_caller_sees_and_calls_only_what_they_may(place: tuple[Door, Issuer, Path]) -> None:
    """The policy of the test lets its callers call everything of ``t`` but ``die``, and nothing of others."""
    found, issuer, home = place

    async def run() -> None:
        async with serving(hosting(), found, offers=several()) as here:
            client = here.client("all", **shown(issuer, "ada"))
            await client.open()
            names = await listed(client)
            assert names
            assert all(one.startswith("t_") for one in names)
            assert "t_die" not in names
            for name in ("t_die", "s_echo"):
                error = (await client.call(name))["error"]
                assert (error["code"], "there is no tool" in error["message"]) == (-32602, True)
            assert here.hosting.started == 0
            answers = [await client.begin("t_echo", {"text": "x"}) for _ in range(4)]
            assert [one.status for one in answers] == [200, 200, 200, 429], "the limit is that of direct calls"
            assert (await here.client("all").send({"jsonrpc": "2.0", "id": 1, "method": "ping"})).status == 401

    asyncio.run(run())
    assert found.accounts is not None
    found.accounts.audit.close()
    text = "".join(path.read_text(errors="replace") for path in (home / "audit").rglob("*") if path.is_file())
    assert text.count('"tool":"echo"') == 4, "three calls and one over the limit, under the server's own name"
    assert '"object":"servers/t"' in text
    assert "t_echo" not in text


def test_the_record_is_that_of_a_direct_call(place: tuple[Door, Issuer, Path]) -> None:
    found, issuer, home = place

    async def run() -> None:
        async with serving(hosting(), found, offers=several()) as here:
            for server, tool in (("t", "echo"), ("all", "t_echo")):
                client = here.client(server, **shown(issuer, "ada"))
                await client.open()
                assert await client.text(tool, {"text": "x"}) == "x"

    asyncio.run(run())
    assert found.accounts is not None
    found.accounts.audit.close()
    lines = [
        json.loads(line)
        for path in (home / "audit").rglob("*")
        if path.is_file()
        for line in path.read_text(errors="replace").splitlines()
        if '"tool":"echo"' in line
    ]
    assert len(lines) == 2
    same = ("action", "outcome", "tool", "object", "door", "actor")
    assert {name: lines[0][name] for name in same} == {name: lines[1][name] for name in same}
