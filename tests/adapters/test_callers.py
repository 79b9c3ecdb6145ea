"""Several callers at one endpoint: what one holds is bounded, the others are served, and no message is a fault of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from starlette.routing import Mount

from adapters.http.app import DoorPart, front
from adapters.http.bound import bind
from adapters.http.protocol import protocol
from adapters.http.quotas import ALONE, Quotas, Shares, read_quotas
from adapters.http.serve import listen
from adapters.mcp.app import over_http, owner
from adapters.mcp.names import TASKS
from adapters.mcp.schemas import schema
from adapters.mcp.server import build
from adapters.web.app import site as pages
from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from capabilities.catalogue import all_tools
from capabilities.contract import Scope, tool
from capabilities.work import Work
from flows.place import Place
from foundation.identity.accepting import Accepting
from foundation.settings import read_settings
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.waiting import until

pytestmark = [pytest.mark.requirement("ARC-3/callers-are-bounded"), pytest.mark.xdist_group("callers")]

ISSUER = "https://login.example"
LET_GO = threading.Event()
HELD = threading.Semaphore(0)
CLIENT = httpx2.Client(timeout=600)
"""One for all, for making one takes longer than a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """What asks and answers nothing."""


@tool(title="Hold", scope=Scope.READ)
def hold(ask: Nothing, at: Place) -> Nothing:
    """Hold a place until the test lets go."""
    HELD.release()
    LET_GO.wait(600)
    return Nothing()


@tool(title="Hold long", scope=Scope.READ, long=True)
def hold_long(ask: Nothing, at: Place) -> Nothing:
    """The same, as a task."""
    LET_GO.wait(600)
    return Nothing()


@dataclass
class Believing:
    """Stands for `Accepting`: a token is the name of who brings it, and its scopes."""

    tokens: tuple[Any, ...] = (SimpleNamespace(issuer=SimpleNamespace(name=ISSUER, reviewed=None)),)

    def at_hand(self, token: str, also: str = "") -> Identity:
        return self.identity(token)

    def identity(self, token: str, also: str = "") -> Identity:
        name, _, scopes = token.partition("+")
        return Identity(issuer=ISSUER, tenant="", id=name, scopes=frozenset(scopes.split("+") if scopes else ("read", "check")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = Place(
        settings=read_settings({"ARCOPS_HOME": str(tmp_path_factory.mktemp("callers"))}),
        now=lambda: datetime.now(UTC),
        signer=_nothing,
        secret=_nothing,
        roots=(),
    )
    quotas = Quotas(requests=6, sessions=3, calls=4, tasks=2)
    door = replace(
        door_for(quotas=quotas, requests=Shares(quotas.requests, "requests in progress")),
        accepting=cast(Accepting, Believing()),
    )
    listening = listen("127.0.0.1", 0)
    bound = bind("127.0.0.1", listening.getsockname()[1], place.settings, certificate=None, key=None, behind_proxy=False)
    work = Work(long=2)
    server = build((*all_tools(), hold, hold_long), place, work, owner=owner, hide=True, quotas=quotas)
    found = over_http(server, work, resource=f"{bound.url}/mcp", door=door)
    shown = door.for_readers(pages(lambda: place), f"{bound.url}/mcp")
    app = front([DoorPart(routes=found.routes, running=found.running), DoorPart(routes=[Mount("/", app=shown)])], bound)
    with loopback(app, protocol(), lifespan="on", at=listening):
        try:
            yield bound.url
        finally:
            LET_GO.set()
            CLIENT.close()


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    LET_GO.clear()
    yield
    LET_GO.set()


def headers(who: str, method: str, named: str = "") -> dict[str, str]:
    more = {"mcp-name": named} if named else {}
    accept = "application/json, text/event-stream"
    return {
        "accept": accept, "content-type": "application/json", "authorization": f"Bearer {who}",
        "mcp-protocol-version": "2026-07-28", "mcp-method": method, **more,
    }  # fmt: skip


def body(method: str, *, tasks: bool = False, **params: Any) -> dict[str, Any]:
    able = {"extensions": {TASKS: {}}} if tasks else {}
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": able,
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}


def called(site: str, who: str, name: str, arguments: Any = None, *, tasks: bool = False) -> httpx2.Response:
    message = body("tools/call", tasks=tasks, name=name, arguments=arguments or {})
    return CLIENT.post(f"{site}/mcp", json=message, headers=headers(who, "tools/call", name), timeout=600)


def holding(site: str, who: str, count: int, answers: list[httpx2.Response]) -> list[threading.Thread]:
    threads = [threading.Thread(target=lambda: answers.append(called(site, who, "hold"))) for _ in range(count)]
    for one in threads:
        one.start()
    for _ in range(count):
        assert HELD.acquire(timeout=600)
    return threads


def test_calls_of_one_caller_are_bounded_and_the_others_are_served(site: str) -> None:
    answers: list[httpx2.Response] = []
    threads = holding(site, "ada", 4, answers)
    refused = called(site, "ada", "hold").json()["result"]
    assert refused["isError"]
    assert "4 calls running" in refused["content"][0]["text"]
    assert not called(site, "bob", "list_policies").json()["result"]["isError"]
    LET_GO.set()
    for one in threads:
        one.join()
    assert [one.status_code for one in answers] == [200] * 4
    assert not called(site, "ada", "list_policies").json()["result"]["isError"], "there is room again"


def test_requests_of_one_caller_are_bounded(site: str) -> None:
    answers: list[httpx2.Response] = []
    with httpx2.Client() as client, ExitStack() as streams:
        for _ in range(2):
            session = {
                "mcp-session-id": _open(client, site, "eve").headers["mcp-session-id"],
                "mcp-protocol-version": "2025-11-25",
            }
            stream = streams.enter_context(client.stream("GET", f"{site}/mcp", headers={**_legacy("eve"), **session}))
            assert stream.status_code == 200
        threads = holding(site, "eve", 4, answers)
        refused = CLIENT.get(f"{site}/figures", headers={"authorization": "Bearer eve"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert CLIENT.get(f"{site}/figures", headers={"authorization": "Bearer bob"}).status_code == 200
        LET_GO.set()
        for one in threads:
            one.join()


def _legacy(who: str) -> dict[str, str]:
    return {
        "accept": "application/json, text/event-stream", "content-type": "application/json", "authorization": f"Bearer {who}",
    }  # fmt: skip


def _open(client: httpx2.Client, site: str, who: str) -> httpx2.Response:
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about}
    return client.post(f"{site}/mcp", json=message, headers=_legacy(who))


def test_sessions_of_one_caller_are_bounded(site: str) -> None:
    with httpx2.Client() as client:
        opened = [_open(client, site, "carl") for _ in range(3)]
        assert [one.status_code for one in opened] == [200] * 3
        refused = _open(client, site, "carl")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert _open(client, site, "dora").status_code == 200
        session = {"mcp-session-id": opened[0].headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        assert client.delete(f"{site}/mcp", headers={**_legacy("carl"), **session}).status_code == 200
        assert _open(client, site, "carl").status_code == 200, "there is room again"


def test_tasks_of_one_caller_are_bounded_and_what_ended_makes_room(site: str) -> None:
    first, second = (called(site, "ada", "hold_long", tasks=True).json()["result"]["taskId"] for _ in range(2))
    refused = called(site, "ada", "hold_long", tasks=True).json()["result"]
    assert refused["isError"]
    assert "2 tasks running" in refused["content"][0]["text"]
    others = called(site, "bob", "hold_long", tasks=True).json()["result"]["taskId"]
    LET_GO.set()
    for one in (first, second, others):
        who = "bob" if one == others else "ada"
        until(lambda one=one, who=who: _state(site, who, one)["status"] != "working", "the task ended")  # type: ignore[misc]
    assert called(site, "ada", "hold_long", tasks=True).json()["result"]["taskId"]
    assert _state(site, "bob", others)["status"] == "completed", "another's is not what makes room"


def _state(site: str, who: str, task: str) -> Any:
    answer = CLIENT.post(
        f"{site}/mcp", json=body("tasks/get", tasks=True, taskId=task), headers=headers(who, "tasks/get", task)
    )
    return answer.json()["result"]


def test_a_share_is_forgotten_when_it_is_given_back() -> None:
    shares = Shares(1, "things")
    for number in range(1000):
        with shares.one(str(number)):
            assert len(shares) == 1
            with pytest.raises(Unavailable, match="1 things"):
                shares.take(str(number))
    assert len(shares) == 0
    assert not shares._held


def test_quotas_are_the_operators_to_set() -> None:
    assert read_quotas({}, Quotas()) == Quotas()
    assert read_quotas({"ARCOPS_QUOTA_CALLS": "7"}, ALONE).calls == 7
    assert read_quotas({"ARCOPS_QUOTA_CALLS": "7"}, ALONE).tasks == ALONE.tasks
    for wrong in ("0", "-1", "x", "10001", "1.5", "\u0661"):
        with pytest.raises(Refused, match="ARCOPS_QUOTA_TASKS"):
            read_quotas({"ARCOPS_QUOTA_TASKS": wrong}, Quotas())


LARGE = b"1" * 5000


@pytest.mark.parametrize(
    "text",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"new_key","arguments":{"x":' + LARGE + b"}}}",
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"new_key","arguments":{}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"explain_rule","name":"new_key","arguments":{}}}',
        b'{"jsonrpc":"2.0","id":NaN,"method":"tools/call","params":{"name":"new_key","arguments":{}}}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"new_key","arguments":{}}}'.encode("utf-16"),
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"new_key","arguments":{}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"explain_rule","arguments":{"name":"\\ud800"}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\udfff","arguments":{}}}',
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b'{"\\ud800":1,"jsonrpc":"2.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"arcops://gates/\\ud800"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 50_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_what_readers_could_read_otherwise_is_refused_before_any_tool(site: str, era: str, text: bytes) -> None:
    """The first is a token with ``read`` alone that asks for a tool of ``publish`` past a reader that gave up."""
    answer = CLIENT.post(f"{site}/mcp", content=text, headers={**_legacy("mallory+read"), "mcp-protocol-version": era})
    assert answer.status_code == 400
    assert "error" in answer.json()


HARD = ("\x00", "a\x00b", "\u202e\uffff\U0010ffff\x7f\n", "a" * 10_000)


def _filled(described: dict[str, Any], text: str) -> dict[str, Any]:
    """Arguments with *text* wherever the schema takes a string, one alone or in a list."""
    found: dict[str, Any] = {}
    for name, one in described.get("properties", {}).items():
        if (one.get("type") == "string" and "format" not in one) or one.get("format") == "path":
            found[name] = text
        elif (
            one.get("type") == "array"
            and one.get("items", {}).get("type") == "string"
            and name in described.get("required", ())
        ):
            found[name] = [text]
    return found


@pytest.mark.parametrize("text", HARD)
def test_hard_characters_are_an_answer_and_never_our_fault(site: str, text: str) -> None:
    may = "ada+" + "+".join(one.value for one in Scope)
    for one in all_tools():
        asked = body("tools/call", name=one.name, arguments=_filled(schema(one.ask, "validation"), text))
        answer = CLIENT.post(f"{site}/mcp", json=asked, headers=headers(may, "tools/call", one.name), timeout=600)
        assert answer.status_code == (403 if one.approves else 200), (one.name, answer.text)  # no scope lets one approve
        assert "bug in arcops" not in answer.text, (one.name, asked, answer.text)
    for method, named, params in (
        ("tools/call", "", {"name": text}),
        ("resources/read", "", {"uri": f"arcops://gates/{text}"}),
        ("resources/read", "", {"uri": f"arcops://artifacts/{text}"}),
        ("resources/read", "", {"uri": text}),
        ("prompts/get", "", {"name": text}),
        ("prompts/get", "", {"name": "is_this_model_ready", "arguments": {"target": text}}),
        ("completion/complete", "", {"ref": {"type": "ref/prompt", "name": text}, "argument": {"name": "x", "value": text}}),
        (
            "completion/complete",
            "",
            {"ref": {"type": "ref/resource", "uri": text}, "argument": {"name": "name", "value": text}},
        ),
    ):
        answer = CLIENT.post(
            f"{site}/mcp",
            content=json.dumps(body(method, **params)),
            headers={**_legacy("ada"), "mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": named},
        )
        assert answer.status_code < 500, (method, params, answer.text)


REFUSED, TAKEN = ("%00", "%ed%a0%80", "%ff", "a%00b"), ("%e2%80%ae", "%0a", "%f4%8f%bf%bf")


@pytest.mark.parametrize("raw", REFUSED)
def test_no_page_is_asked_with_what_is_no_text(site: str, raw: str) -> None:
    who = {"authorization": "Bearer ada"}
    asked = (f"/?q={raw}", f"/artifacts?q={raw}", f"/subject?name={raw}", f"/compare?a=x&b={raw}")
    for path in (f"/artifacts/{raw}", f"/evidence/{raw}/map.svg", f"/static/{raw}", *asked):
        assert CLIENT.get(site + path, headers=who).status_code == 400, path


@pytest.mark.parametrize("raw", TAKEN)
def test_pages_answer_hard_questions(site: str, raw: str) -> None:
    who = {"authorization": "Bearer ada"}
    names = ("q", "name", "kind", "sort", "verdict", "gate", "site", "from", "page", "a", "of", "days", "production", "pick")
    for path in ("/", "/subject", "/artifacts", "/compare", "/figures", "/evidence/sha256:" + "0" * 64):
        for name in names:
            answer = CLIENT.get(f"{site}{path}?{name}={raw}", headers=who)
            assert answer.status_code < 500, (path, name, answer.text)
    for name in ("x-request-id", "if-none-match", "accept", "cookie", "last-event-id", "traceparent", "mcp-session-id"):
        answer = CLIENT.get(site + "/", headers=[(b"authorization", b"Bearer ada"), (name.encode(), b"\xed\xa0\x80\xff")])
        assert answer.status_code < 500, name
