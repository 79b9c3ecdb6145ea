"""A server of another machine is held to its verdict also before a client that lists once, or never."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from services.host import held_to_its_verdict
from services.host.hosting import Hosting
from tests.adapters.relay.talking import Client, Here, until
from tests.adapters.relay.test_remote_rows import AMBER, RED, Home, home
from tests.simulators.far_server import ECHO

__all__ = ["home"]
pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start", "HOST-020/servers-elsewhere-keep-their-word")

OTHER = {**ECHO, "description": "Says it to others."}
CHANGED = '{"jsonrpc":"2.0","method":"notifications/%s/list_changed"}'
WAYS = ("legacy", "modern", "sse")


def ready(home: Home, way: str = "legacy", *more: str) -> None:
    """*home* with a server that speaks in this *way*, whose verdict counts."""
    home.far.modern = way == "modern"
    home.far.over = "sse" if way == "sse" else "events"
    home.far.token = "" if way == "sse" else home.far.token
    home.ready(*more, package=f"sse:{home.far.url('/sse')}" if way == "sse" else "")
    home.far.methods.clear()
    home.far.heads.clear()


async def called(client: Client, way: str, name: str = "echo", method: str = "tools/call") -> Any:
    """The last message of the answer to one call, by a client that lists nothing."""
    params = {"name": name, "arguments": {}}  # with arguments a client of 2026-07-28 makes its relay list
    if way == "modern":
        return await (await client.modern(method, params)).last()
    return await (await client.request(method, params)).last()


async def client_of(here: Here, way: str) -> Client:
    return here.client("far") if way == "modern" else await here.opened("far")


def works(answer: Any) -> bool:
    return "result" in answer and answer["result"]["content"][0]["text"] == "{}"


@pytest.mark.parametrize("way", WAYS)
def test_one_that_changed_before_it_is_opened_is_never_called(home: Home, way: str) -> None:
    ready(home, way)
    home.far.tools = [OTHER]

    async def work(here: Here, hosting: Hosting) -> None:
        client = here.client("far")
        answer = await (called(client, way) if way == "modern" else client.open())
        assert "defines the tool 'echo' otherwise than when it was judged" in json.dumps(answer)
        assert "tools/call" not in home.far.methods
        assert not hosting._servers["far"].running
        again = await called(client, way) if way == "modern" else await here.client("far").open()
        assert "its operator runs 'arcops host gate far' again" in json.dumps(again)

    home.served(work)
    assert "defines the tool 'echo' otherwise" in home.arcops("host", "explain", "far", expect=RED)


@pytest.mark.parametrize("way", WAYS)
def test_one_that_keeps_its_word_is_asked_once_what_it_offers(home: Home, way: str) -> None:
    ready(home, way, "--stateless")

    async def work(here: Here, hosting: Hosting) -> None:
        for _ in range(2):
            client = await client_of(here, way)
            for _ in range(10):
                assert works(await called(client, way))
        counts = Counter(home.far.methods)
        assert counts["tools/call"] == 20
        assert counts["tools/list"] == 1, "one more list each opening, none each call"
        head = home.far.heads[home.far.methods.index("tools/list")]
        assert head.get("mcp-method") == ("tools/list" if way == "modern" else None), "asked as its era asks"
        assert not {"prompts/list", "resources/list", "resources/templates/list"} & {*counts}, "it never had one"

    home.served(work)


@pytest.mark.parametrize("which", ["tools", "prompts", "resources"])
@pytest.mark.parametrize("way", ["legacy", "modern"])
def test_after_it_says_that_a_list_changed_no_call_goes_before_it_is_read(home: Home, way: str, which: str) -> None:
    ready(home, way, "--stateless")

    async def work(here: Here, hosting: Hosting) -> None:
        client = await client_of(here, way)
        assert works(await called(client, way))
        home.far.stray = CHANGED % which
        assert works(await called(client, way))
        home.far.stray = ""
        before = Counter(home.far.methods)["tools/list"]
        clients = [await client_of(here, way) for _ in range(4)]
        assert all(works(one) for one in await asyncio.gather(*(called(one, way) for one in clients)))
        assert Counter(home.far.methods)["tools/list"] == before + 1, "it is read once, for all who wait"
        home.far.stray = CHANGED % which
        assert works(await called(client, way))
        home.far.stray, home.far.tools = "", [OTHER]
        home.far.methods.clear()
        answer = await called(client, way)
        assert "defines the tool 'echo' otherwise than when it was judged" in json.dumps(answer)
        assert home.far.methods == ["tools/list"]
        assert not hosting._servers["far"].running

    home.served(work)
    assert "defines the tool 'echo' otherwise" in home.arcops("host", "explain", "far", expect=RED)


def test_one_over_the_older_transport_that_changes_is_read_again(home: Home) -> None:
    ready(home, "sse")

    async def work(here: Here, hosting: Hosting) -> None:
        client = await here.opened("far")
        home.far.tools = [OTHER]
        home.far._said.put((CHANGED % "tools").encode())
        (running,) = hosting._servers["far"].running.values()
        await until(lambda: running.link.changes == 1)
        home.far.methods.clear()
        assert "otherwise than when it was judged" in json.dumps(await called(client, "sse"))
        assert home.far.methods == ["tools/list"]

    home.served(work)


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_was_not_judged_is_not_asked_for(home: Home, way: str) -> None:
    ready(home, way)

    async def work(here: Here, hosting: Hosting) -> None:
        client = await client_of(here, way)
        assert works(await called(client, way))
        home.far.methods.clear()
        for method, name, kind in (
            ("tools/call", "hidden", "tool"),
            ("tools/call", "Echo", "tool"),
            ("tools/call", "ech\u043e", "tool"),
            ("prompts/get", "echo", "prompt"),
        ):
            if way == "modern" and not name.isascii():
                continue  # its header would have to be encoded
            answer = await called(client, way, name, method)
            assert answer["error"]["code"] == -32602
            assert f"far listed no {kind} {name!r} when it was judged" in answer["error"]["message"]
        if way != "modern":
            for params in ({}, {"name": None}, {"name": ["echo"]}):
                assert "error" in await (await client.request("tools/call", params)).last()
            half = b'{"jsonrpc":"2.0","id":90,"method":"tools/call","params":{"name":"\\ud800"}}'
            assert "listed no tool ''" in json.dumps(await (await client.send(half)).last())
        assert not {"tools/call", "prompts/get"} & {*home.far.methods}
        assert works(await called(client, way)), "its session lives"

    home.served(work)


def test_prompts_and_templates_are_read_too_and_resources_may_come_and_go(home: Home) -> None:
    offers = {"prompts": "prompts/list", "resources": "resources/list", "resourceTemplates": "resources/templates/list"}
    one = {"name": "greet", "uri": "file:///a", "uriTemplate": "file:///{a}"}
    home.far.replies = {method: (200, {"result": {member: [one]}}) for member, method in offers.items()}
    ready(home)

    async def work(here: Here, hosting: Hosting) -> None:
        client = await here.opened("far")
        lists = Counter(one for one in home.far.methods if one.endswith("/list"))
        assert lists == {"tools/list": 1, "prompts/list": 1, "resources/templates/list": 1}
        await called(client, "legacy", "greet", "prompts/get")
        await (await client.request("resources/read", {"uri": "file:///new"})).last()
        assert home.far.methods[-2:] == ["prompts/get", "resources/read"], "they reached it"
        assert "listed no tool 'greet'" in json.dumps(await called(client, "legacy", "greet"))
        home.far.replies["prompts/list"] = (200, {"result": {"prompts": [{**one, "description": "other"}]}})
        assert "defines the prompt 'greet' otherwise" in json.dumps(await here.client("far").open())

    home.served(work)


def test_every_page_is_read(home: Home) -> None:
    home.far.later = [{**ECHO, "name": "second"}]
    ready(home)
    home.far.later = [{**OTHER, "name": "second"}]

    async def work(here: Here, hosting: Hosting) -> None:
        answer = await here.client("far").open()
        assert "defines the tool 'second' otherwise" in json.dumps(answer)

    home.served(work)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"error": {"code": -32601, "message": "no"}}, "answers tools/list with error -32601"),
        ({"result": {"tools": "echo"}}, "answers tools/list with no list of tools"),
        ({"result": {}}, "answers tools/list with no list of tools"),
        ({"result": []}, "answers tools/list with no result that can be read"),
        ({"result": {"tools": [ECHO], "nextCursor": "on"}}, "answers tools/list with more than 100 pages"),
        (None, "far did not say within 0 seconds what it offers"),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_one_that_does_not_say_what_it_offers_is_left(
    home: Home, reply: dict[str, Any] | None, said: str, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_to_its_verdict, "LIST_SECONDS", 30.0 if reply is not None else 0.3)
    ready(home, "legacy", "--stateless")

    def spoil() -> None:
        if reply is None:
            home.far.silent.add("tools/list")
        else:
            home.far.replies["tools/list"] = (200, reply)

    async def work(here: Here, hosting: Hosting) -> None:
        if later:
            client = await here.opened("far")
            home.far.stray = CHANGED % "tools"
            assert works(await called(client, "legacy"))
            home.far.stray = ""
            spoil()
            home.far.methods.clear()
            answer = await called(client, "legacy")
            assert "tools/call" not in home.far.methods
        else:
            spoil()
            answer = await here.client("far").open()
        assert said in json.dumps(answer)
        assert not hosting._servers["far"].running, "its connection is closed"
        home.far.replies.clear()
        home.far.silent.clear()
        assert works(await called(await here.opened("far"), "legacy")), "nothing was withdrawn"

    home.served(work)


def test_one_that_never_stops_changing_is_not_called(home: Home) -> None:
    ready(home)
    home.far.stray = CHANGED % "tools"

    async def work(here: Here, hosting: Hosting) -> None:
        assert "changes its lists while they are read" in json.dumps(await here.client("far").open())
        assert Counter(home.far.methods)["tools/list"] == 3

    home.served(work)


def test_one_of_which_nothing_was_judged_does_not_run(home: Home) -> None:
    policy = home.folder / "far.yaml"
    policy.write_text(policy.read_text().replace("name: far", "name: blind").replace("  server-tools: {}\n", ""))
    home.arcops("policy", "register", str(policy))
    home.policy = "blind"
    home.add("--secret", "AUTHORIZATION=env:FAR_TOKEN")
    home.allow()
    home.arcops("host", "gate", "far", expect=AMBER)

    async def work(here: Here, hosting: Hosting) -> None:
        answer = json.dumps(await here.client("far").open())
        assert "its policy did not ask what it offers" in answer
        assert "with the gate server-tools" in answer
        assert not home.far.methods

    home.served(work)
