"""``/all/mcp``: tools of several servers under one address, each call exactly as if its server had been asked."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.access import Door
from adapters.relay import together_resources
from adapters.relay.finding import FIND, USE
from adapters.relay.renaming import renamed
from adapters.relay.together import FINDING, MOST_LISTED
from arcops.seen.server_tools import ServerTools
from artifacts.canonical import canonical
from capabilities.access.known import known_objects
from foundation.authorization.authorizing import Authorization
from services.host.offers import Offer, Offered, Offers, _digest, _together, offers_of
from services.host.resource_names import own_uri, together_uri
from tasks.server.definitions import pinned
from tests.adapters.relay.talking import META, MODERN, PATIENCE, serving, until
from tests.adapters.relay.test_access import place as place
from tests.adapters.relay.test_access import shown
from tests.services.host.costs.calls import Kept, meter
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.issuer import Issuer
from tests.simulators.trivial_server import TOOLS

pytestmark = pytest.mark.requirement("HOST-META/all-servers-together")


def evidence(tools: list[dict[str, Any]], **others: list[dict[str, Any]]) -> ServerTools:
    every = [("tool", one) for one in tools] + [(kind, one) for kind, mine in others.items() for one in mine]
    pins = tuple(pinned(kind, one) for kind, one in every)
    texts = tuple(sorted(canonical(one).decode() for _, one in every))
    return ServerTools(eras=("legacy",), version="2025-11-25", pins=pins, texts=(), definitions=texts)


@dataclass
class Fixed(Offers):
    """Offers that a test says. That they follow the verdicts is in `tests/services/host/test_offers.py`."""

    found: Offered = field(default_factory=Offered)

    async def now(self) -> Offered:
        return self.found

    def offer(self, **tools: list[Any]) -> Fixed:
        every: list[Offer] = [one for name, mine in sorted(tools.items()) for one in offers_of(name, evidence(mine))]
        self.found = _together(every, _digest(every, ()), frozenset(tools))
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
            unknown = await client.modern("tasks/get", {"taskId": "a"})
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
            for uri in ("a:b", "arcops://", "arcops://t", "arcops://t/", "arcops://nothing/a:b", "arcops:///a", "ARCOPS://t/a"):
                error = (await (await client.request("resources/read", {"uri": uri})).last())["error"]
                assert (error["code"], "there is no resource" in error["message"]) == (-32602, True), uri
            assert (await (await client.request("tasks/get", {"taskId": "a"})).last())["error"]["code"] == -32601
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


@pytest.mark.parametrize("kind", ["tools", "prompts", "resources"])
def test_what_a_server_says_of_its_lists_is_told_to_those_who_asked_it(kind: str) -> None:
    """In both eras, to one who listens and has asked that server; each once, and to no one who did not ask for it."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE), serving(hosting(), offers=fixed(t=TOOLS, s=TOOLS)) as here:
            client = await here.opened("all")
            told = (await client.stream()).events()
            modern = here.client("all")
            wanted = {f"{kind}ListChanged": True}
            listening = await modern.modern("subscriptions/listen", {"notifications": wanted}, id="m")
            other = await modern.modern("subscriptions/listen", {"notifications": {}}, id="o")
            heard, nothing = listening.events(), other.events()
            for one in (heard, nothing):
                assert (await anext(one))[1]["method"] == "notifications/subscriptions/acknowledged"
            await client.call("t_changed", {"list": kind})
            assert (await anext(told))[1]["method"] == f"notifications/{kind}/list_changed"
            for _ in range(2):  # the first one only lets the server know that someone listens
                await (await modern.modern("tools/call", {"name": "s_changed", "arguments": {"list": kind}})).last()
            _, message = await anext(heard)
            assert message["method"] == f"notifications/{kind}/list_changed"
            assert message["params"]["_meta"][META + "subscriptionId"] == "m"
            listening.close()
            other.close()
            with pytest.raises((EOFError, OSError, StopAsyncIteration)):
                await anext(nothing)

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


NOTE = {"uri": "test://text", "name": "text"}
LATE = {"uriTemplate": "test://late/{+path}", "name": "late"}


def resourceful() -> Fixed:
    """Two servers with the same resource, one of them with a template."""
    made = Fixed(rows=lambda: (), verdicts=mock.Mock())
    offers = [
        *offers_of("s", evidence(TOOLS, resource=[NOTE])),
        *offers_of("t", evidence(TOOLS, resource=[NOTE], template=[LATE])),
    ]
    made.found = _together(offers, _digest(offers, ()), frozenset("st"))
    return made


async def asked(client: Any, method: str, params: dict[str, Any] | None = None) -> Any:
    return (await (await client.request(method, params or {})).last())["result"]


def test_resources_of_several_servers_are_listed_and_read() -> None:
    async def run() -> None:
        async with serving(hosting(), offers=resourceful()) as here:
            client = await here.opened("all")
            listed_ = (await asked(client, "resources/list"))["resources"]
            assert [one["uri"] for one in listed_] == ["arcops://s/test://text", "arcops://t/test://text"]
            (template,) = (await asked(client, "resources/templates/list"))["resourceTemplates"]
            assert template["uriTemplate"] == "arcops://t/test://late/{+path}"
            assert here.hosting.started == 0
            for uri, text in (("arcops://s/test://text", "what it holds"), ("arcops://t/test://late/a%20b?c#d", "came later")):
                (content,) = (await asked(client, "resources/read", {"uri": uri}))["contents"]
                assert content == {"uri": uri, "text": text}, "it says the address by which it was asked"
            ref = {"type": "ref/resource", "uri": template["uriTemplate"]}
            told = await asked(client, "completion/complete", {"ref": ref, "argument": {"name": "path", "value": "a"}})
            assert json.loads(told["completion"]["values"][0])["uri"] == LATE["uriTemplate"], "its server is asked in its words"
            modern = here.client("all")
            found = (await (await modern.modern("resources/list")).last())["result"]
            assert found["resources"] == listed_
            read = await modern.modern("resources/read", {"uri": "arcops://s/test://text"}, mcp_name="arcops://s/test://text")
            assert (await read.last())["result"]["contents"][0]["uri"] == "arcops://s/test://text"

    asyncio.run(run())


ADDED = ["test://late/a", "test://late/b", "test://late/c"]
TOGETHER = [
    f"arcops://{one}" for one in ("s/test://text", "t/test://text", "t/test://late/a", "t/test://late/b", "t/test://late/c")
]


async def pages(client: Any, *, modern: bool = False) -> list[list[str]]:
    """The addresses of all resources, page by page."""
    found: list[list[str]] = []
    params: dict[str, Any] = {}
    while len(found) < 10:
        request = await (client.modern("resources/list", params) if modern else client.request("resources/list", params))
        result = (await request.last())["result"]
        found.append([one["uri"] for one in result["resources"]])
        if "nextCursor" not in result:
            return found
        params = {"cursor": result["nextCursor"]}
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("enough", [1000, 1])
def test_resources_that_came_later_are_listed_to_those_who_use_their_server(
    enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one page, and on many: nothing twice, nothing left out, and nothing is started to be listed."""
    monkeypatch.setattr(together_resources, "_ENOUGH", enough)

    async def run() -> None:
        async with serving(hosting(), offers=resourceful()) as here:
            client, other, modern = await here.opened("all"), await here.opened("all"), here.client("all")
            told = (await client.stream()).events()
            await client.call("t_changed", {"list": "resources", "add": ADDED})
            assert (await anext(told))[1]["method"] == "notifications/resources/list_changed"
            found = await pages(client)
            assert [one for mine in found for one in mine] == TOGETHER
            assert (len(found) > 1) is (enough == 1)
            assert [one for mine in await pages(other) for one in mine] == TOGETHER[:2], "it has not asked that server"
            assert here.hosting.started == 1
            assert [one for mine in await pages(modern, modern=True) for one in mine] == TOGETHER[:2]
            await (await modern.modern("tools/call", {"name": "t_changed", "arguments": {"add": ADDED}})).last()
            assert [one for mine in await pages(modern, modern=True) for one in mine] == TOGETHER
            content = (await asked(client, "resources/read", {"uri": TOGETHER[-1]}))["contents"]
            assert content == [{"uri": TOGETHER[-1], "text": "came later"}]

    asyncio.run(run())


def test_a_list_of_resources_that_cannot_be_had_is_that_of_the_verdict() -> None:
    """A server that does not answer, one that answers no list, one that ended; and a cursor that this list never gave."""

    async def run() -> None:
        async with serving(hosting(), offers=resourceful()) as here:
            client = await here.opened("all")
            for odd in ("error", "text", "nothing", "die"):
                await client.call("t_changed", {"list": "resources", "odd": odd})
                assert [one for mine in await pages(client) for one in mine] == TOGETHER[:2], odd
            for wrong in ("x", "W10=", base64.urlsafe_b64encode(b'["t","",-1]').decode(), "\N{SNOWMAN}", "ü" * 5000):
                answer = await (await client.request("resources/list", {"cursor": wrong})).last()
                assert (answer["error"]["code"], "without a cursor" in answer["error"]["message"]) == (-32602, True), wrong

    asyncio.run(run())


def test_a_list_of_resources_ends_also_if_its_server_never_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together_resources, "MOST_PAGES", 4)

    async def run() -> None:
        async with serving(hosting(), offers=resourceful()) as here:
            client = await here.opened("all")
            await client.call("t_changed", {"list": "resources", "odd": "endless"})
            found = [one for mine in await pages(client) for one in mine]
            assert found == [TOGETHER[0], *[TOGETHER[1]] * 4]

    asyncio.run(run())


def test_a_caller_who_may_read_nothing_of_a_server_sees_none_of_its_resources(place: tuple[Door, Issuer, Path]) -> None:
    """Also those that came later, of a server whose tools this caller calls."""
    found, issuer, home = place
    (home / "access" / "roles.yaml").write_text("engines: {roles: false, cedar: true}\n")
    (home / "access" / "site.cedar").write_text('permit (principal, action, resource == Object::"servers/t/changed");\n')

    async def run() -> None:
        async with serving(hosting(), replace(found, authorization=again(home)), offers=resourceful()) as here:
            client = here.client("all", **shown(issuer, "ada"))
            await client.open()
            await client.call("t_changed", {"list": "resources", "add": ADDED})
            assert here.hosting.started == 1
            assert await pages(client) == [[]]

    asyncio.run(run())


def test_what_changes_in_resources_is_told() -> None:
    async def run() -> None:
        offers = resourceful()
        async with serving(hosting(), offers=offers) as here:
            client = await here.opened("all")
            told = (await client.stream()).events()
            await asked(client, "resources/subscribe", {"uri": "arcops://t/test://text"})
            _, message = await anext(told)
            assert (message["method"], message["params"]["uri"]) == (
                "notifications/resources/updated",
                "arcops://t/test://text",
            )
            offers.offer(s=TOOLS, t=TOOLS)
            methods = {(await anext(told))[1]["method"] for _ in range(1)}
            assert methods == {"notifications/resources/list_changed"}, "the tools are the same"

    asyncio.run(run())


def test_a_link_to_a_resource_can_be_followed() -> None:
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {
                "content": [
                    {"type": "resource_link", "uri": "test://text", "name": "x", "size": 12345678901234567890},
                    {"type": "resource", "resource": {"uri": "test://late/a", "text": "held"}},
                    {"type": "text", "text": 'this "uri" stays'},
                ],
                "structuredContent": {"uri": "stays", "ratio": 1.0},
            },
        }
    ).encode()
    found = json.loads(renamed(body, "s"))["result"]
    assert found["content"][0]["uri"] == "arcops://s/test://text"
    assert found["content"][0]["size"] == 12345678901234567890
    assert found["content"][1]["resource"]["uri"] == "arcops://s/test://late/a"
    assert found["content"][2]["text"] == 'this "uri" stays'
    assert found["structuredContent"] == {"uri": "stays", "ratio": 1.0}
    prompt = b'{"jsonrpc":"2.0","id":1,"result":{"messages":[{"role":"user","content":{"type":"resource_link","uri":"a:b"}}]}}'
    assert b'"arcops://s/a:b"' in renamed(prompt, "s")
    for odd in (b'{"jsonrpc":"2.0","id":1,"result":{"content":"uri","uri":1}}', b'{"jsonrpc":"2.0","id":1,"error":{"uri":1}}'):
        assert renamed(odd, "s") == odd


@given(st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True), st.text(min_size=1, max_size=80))
def test_an_address_together_is_that_of_one_server_alone(server: str, own: str) -> None:
    assert own_uri(together_uri(server, own)) == (server, own)


CERTAIN = """\
permit (principal, action, resource == Object::"servers/s/echo") when { context.arguments.text == "please" };
permit (principal, action, resource == Object::"servers/t/echo");
forbid (principal, action, resource == Object::"servers/t/echo") when { context.arguments.text == "never" };
"""


def test_what_may_be_called_with_certain_arguments_is_seen(place: tuple[Door, Issuer, Path]) -> None:
    found, issuer, home = place
    (home / "access" / "roles.yaml").write_text("engines: {roles: false, cedar: true}\n")
    (home / "access" / "site.cedar").write_text(CERTAIN)

    async def run() -> None:
        async with serving(hosting(), replace(found, authorization=again(home)), offers=several()) as here:
            client = here.client("all", **shown(issuer, "ada"))
            await client.open()
            assert await listed(client) == ["s_echo", "t_echo"]
            assert await client.text("s_echo", {"text": "please"}) == "please"
            assert "forbids" in (await client.call("t_echo", {"text": "never"}))["error"]["message"]
            assert "permits" in (await client.call("s_echo", {"text": "now"}))["error"]["message"]
            assert here.hosting.started == 1, "a call that is not allowed starts nothing"

    asyncio.run(run())


def again(home: Path) -> Authorization:
    return Authorization(home / "access", known_objects())


def test_to_find_tools_is_limited_recorded_and_measured(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    found, issuer, home = place
    costs = Kept()
    measuring = meter(costs, tmp_path)
    many = [{"name": f"tool{number}", "inputSchema": {"type": "object"}} for number in range(120)]

    async def run() -> None:
        async with serving(hosting(), found, offers=fixed(t=many), meter=measuring) as here:
            client = here.client("all", **shown(issuer, "ada"))
            await client.open()
            assert await listed(client) == [FIND, USE]
            assert "t_tool1" in await client.text(FIND, {"query": "tool1"})
            assert (await client.call(FIND, {"query": 1}))["error"]["code"] == -32602
            answers = [await client.begin(FIND, {"query": "tool2"}) for _ in range(2)]
            assert [one.status for one in answers] == [200, 429], "three calls a minute, as of any tool"

    asyncio.run(run())
    measuring.close()
    assert found.accounts is not None
    found.accounts.audit.close()
    text = "".join(path.read_text(errors="replace") for path in (home / "audit").rglob("*") if path.is_file())
    records = [json.loads(line) for line in text.splitlines() if f'"tool":"{FINDING}"' in line]
    assert [(one["outcome"], one["object"], one["actor"]["id"]) for one in records] == [
        ("done", "servers/all", "ada"),
        ("refused", "servers/all", "ada"),
        ("done", "servers/all", "ada"),
        ("limit", "servers/all", "ada"),
    ]
    assert [(one.server, one.tool, one.outcome) for one in costs.events] == [
        ("all", FINDING, outcome) for outcome in ("done", "refused", "done")
    ]
    assert costs.events[0].tokens_out > 10


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
