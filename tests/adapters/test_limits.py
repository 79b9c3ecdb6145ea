"""How often a caller may call tools, through the front: curbed at once, told in the answer, and recorded with who it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette

from adapters.http.accounts import Accounts
from adapters.http.limiting import USUAL, limits_of
from adapters.http.over_limits import LIMITED
from adapters.mcp.app import endpoint
from adapters.mcp.limited import ADVICE
from adapters.mcp.names import TASKS
from arcops.errors import Refused
from arcops.identity import Identity
from arcops.tier import Tier
from flows.place import Place
from foundation.audit.audit import Audit
from foundation.identity.accepting import Accepting
from foundation.limits.deciding import Deciding
from foundation.settings import Settings, read_settings
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback

pytestmark = [pytest.mark.requirement("HOST-025/rate-limits"), pytest.mark.xdist_group("limits")]

LIMITS = """\
counters: memory
rates:
  - {name: calls, calls: 10, per: hour}
  - {name: connecting, tools: ["*:connect"], calls: 1, per: hour}
quotas:
  - {name: policies, tools: [list_policies], calls: 6, per: day}
"""


@dataclass
class Believing:
    """Stands for `Accepting`: a token is ISSUER/NAME of who brings it."""

    tokens: tuple[Any, ...] = (SimpleNamespace(issuer=SimpleNamespace(name="https://i.example", reviewed=None)),)

    def at_hand(self, token: str, also: str = "") -> Identity:
        return self.identity(token)

    def identity(self, token: str, also: str = "") -> Identity:
        issuer, _, name = token.partition("/")
        return Identity(issuer=f"https://{issuer}.example", tenant="", id=name, scopes=frozenset(("read", "check", "connect")))


@dataclass(frozen=True)
class Limited:
    url: str
    limits: Deciding
    audit: Audit
    settings: Settings
    client: httpx2.Client

    def call(
        self, who: str, tool: str = "list_policies", arguments: object = None, *, session: str = "", **more: Any
    ) -> httpx2.Response:
        meta: dict[str, Any] = {} if session else {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
        if not session:
            able = {"extensions": {TASKS: {}}} if more.get("tasks") else {}
            meta["io.modelcontextprotocol/clientCapabilities"] = able
        params = {"name": tool, "arguments": arguments or {}, "_meta": meta}
        era = {"mcp-protocol-version": "2025-11-25", "mcp-session-id": session} if session else _MODERN
        named = {} if session else {"mcp-name": tool}
        return self.client.post(
            self.url,
            json={"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params},
            headers={**_headers(who), **era, **named},
        )

    def records(self) -> list[dict[str, Any]]:
        assert self.audit.flush(600)
        lines = [one for path in self.settings.audit.rglob("*") if path.is_file() for one in path.read_bytes().splitlines()]
        return [found for one in lines if one.startswith(b'{"action"') and (found := json.loads(one))["tool"]]


_MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}


def _headers(who: str) -> dict[str, str]:
    return {
        "accept": "application/json, text/event-stream", "content-type": "application/json", "authorization": f"Bearer {who}",
    }  # fmt: skip


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@contextmanager
def serving(home: Path, text: str) -> Iterator[Limited]:
    """A front in *home* with these limits."""
    (home / "limits.yaml").write_text(text, encoding="utf-8")
    settings = read_settings({"ARCOPS_HOME": str(home)})
    limits = limits_of(settings, alone=False)
    limits.seconds = 600
    audit = Audit.open(settings)
    door = replace(
        door_for(limits=limits, accounts=Accounts(audit=audit, tier=Tier.AIR_GAPPED)), accepting=cast(Accepting, Believing())
    )
    place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
    found = endpoint(place, resource="http://127.0.0.1/mcp", door=door)
    app = Starlette(routes=found.routes, lifespan=lambda _: found.running)
    with ExitStack() as held:
        client = held.enter_context(httpx2.Client(timeout=600, trust_env=False))
        port = held.enter_context(loopback(app, lifespan="on"))
        yield Limited(f"http://127.0.0.1:{port}/mcp", limits, audit, settings, client)
        audit.close()
    limits.close()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    with serving(tmp_path_factory.mktemp("limited"), LIMITS) as found:
        yield found


def test_a_burst_is_curbed_and_the_others_are_served(limited: Limited) -> None:
    answers = [limited.call("i/ada", "explain_rule", {"name": "weights/complete"}) for _ in range(100)]
    assert [one.status_code for one in answers] == [200] * 10 + [429] * 90
    refused = answers[10]
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= 360
    error = refused.json()["error"]
    assert refused.json()["id"] == 7
    assert error["code"] == LIMITED
    assert error["message"] == f"the limit 'calls' of 10 calls per hour is reached; try again in {wait} seconds"
    assert error["data"] == {"dev.arcops/error": "unavailable", "retryAfterSeconds": wait}
    assert refused.headers["ratelimit"] == f'"calls";r=0;t={wait}'
    assert answers[0].headers["ratelimit-policy"] == '"calls";q=10;w=3600'
    assert answers[0].headers["ratelimit"] == '"calls";r=9;t=360'
    assert limited.call("i/bob").status_code == 200
    assert limited.call("other/ada").status_code == 200, "the same name at another issuer is another caller"


def test_each_refusal_is_recorded_with_who_it_was_and_which_limit(limited: Limited) -> None:
    for _ in range(12):
        limited.call("i/eve", "explain_rule", {"name": "weights/complete"})
    found = [one for one in limited.records() if one["actor"]["id"] == "eve"]
    assert [one["outcome"] for one in found].count("done") == 10
    kept = [one for one in found if one["outcome"] == "limit"]
    assert len(kept) == 2
    assert {(one["actor"]["issuer"], one["tool"], one["reason"], one["action"]) for one in kept} == {
        ("https://i.example", "explain_rule", "calls", "tools/call")
    }


def test_counts_in_the_database_curb_the_same(tmp_path: Path) -> None:
    text = "counters: database\nhosts: 1\nrates: [{name: calls, calls: 3, per: hour}]"
    with serving(tmp_path, text) as found:
        assert [found.call("i/ada").status_code for _ in range(5)] == [200] * 3 + [429] * 2
        assert found.call("i/bob").headers["ratelimit"].startswith('"calls";r=2;t=')
        assert found.limits.told.lost == ""


@pytest.mark.requirement("HOST-025/pages-share-the-limits")
def test_resources_share_the_limits_of_their_caller(tmp_path: Path) -> None:
    with serving(tmp_path, "rates: [{name: calls, calls: 3, per: hour}]") as found:
        answers = [read(found, "i/ada") for _ in range(2)]
        assert [one.status_code for one in answers] == [400] * 2, "there is no such resource, which counts, too"
        assert found.call("i/ada").status_code == 200
        over = read(found, "i/ada")
        assert (over.status_code, over.json()["id"], over.json()["error"]["code"]) == (429, 9, LIMITED)
        assert int(over.headers["retry-after"]) > 0
        assert found.call("i/ada").status_code == 429
        assert read(found, "i/bob").status_code == 400
        told = [(one["tool"], one["reason"]) for one in found.records() if one["outcome"] == "limit"]
        assert told[0] == ("list_artifacts", "calls")
        (tmp_path / "limits.yaml").write_text("rates: nonsense")
        found.limits.file._looked = None  # a second has passed
        assert read(found, "i/bob").status_code == 503


def read(limited: Limited, who: str) -> httpx2.Response:
    """Read a resource, which there need not be."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    uri = "arcops://policies"
    return limited.client.post(
        limited.url,
        json={"jsonrpc": "2.0", "id": 9, "method": "resources/read", "params": {"uri": uri, "_meta": meta}},
        headers={**_headers(who), **_MODERN, "mcp-method": "resources/read", "mcp-name": uri},
    )


def test_a_quota_advises_in_the_answer_and_then_refuses(limited: Limited) -> None:
    answers = [limited.call("i/carl") for _ in range(8)]
    assert [one.status_code for one in answers] == [200] * 6 + [429] * 2
    advice = [(one.json()["result"].get("_meta") or {}).get(ADVICE) for one in answers[:6]]
    assert advice[:4] == [None] * 4
    assert "5 of 6 calls of the quota 'policies' are used" in advice[4][0]
    assert "6 of 6" in advice[5][0]
    assert "the quota 'policies' of 6 calls per day is reached" in answers[6].json()["error"]["message"]
    assert limited.call("i/carl", "explain_rule", {"name": "weights/complete"}).status_code == 200, "another tool"


def test_there_is_no_way_around_by_another_name_or_era(limited: Limited) -> None:
    """`use_tool`, tools that do not exist, bad arguments, a session, escapes in the message: each call counts."""
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    opened = limited.client.post(
        limited.url, json={"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about}, headers=_headers("i/dora")
    )
    session = opened.headers["mcp-session-id"]
    assert limited.call("i/dora", "use_tool", {"name": "list_policies", "arguments": {}}).status_code == 200
    assert limited.call("i/dora", "use_tool", {"nam": 1}).status_code == 200
    assert limited.call("i/dora", "find_tools", {"words": "model"}).status_code == 200
    assert limited.call("i/dora", "no_such_tool").status_code < 429
    assert limited.call("i/dora", "explain_rule", {"wrong": 1}).status_code == 200
    for _ in range(4):
        assert limited.call("i/dora", "list_policies", session=session).status_code == 200
    escaped = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools\\/c\\u0061ll","params":{"name":"explain_rule","arguments":{"name":"x"}}}'
    )
    headers = {**_headers("i/dora"), "mcp-protocol-version": "2025-11-25", "mcp-session-id": session}
    assert limited.client.post(limited.url, content=escaped, headers=headers).status_code == 200
    assert limited.client.post(limited.url, content=escaped, headers=headers).status_code == 429
    assert limited.call("i/dora", "find_tools", {"words": "model"}).status_code == 429
    assert limited.call("i/dora", "list_policies", session=session).status_code == 429
    assert limited.call("i/dora", "check_model", {"target": "x"}, tasks=True).status_code == 429
    many = [{"jsonrpc": "2.0", "id": one, "method": "tools/call", "params": {"name": "list_policies"}} for one in range(3)]
    assert limited.client.post(limited.url, json=many, headers=headers).status_code == 400, "there are no batches"
    other = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert limited.client.post(limited.url, json=other, headers=headers).status_code == 200, "what calls no tool is served"


def test_a_call_that_connects_has_its_own_limit(limited: Limited) -> None:
    first, second = (limited.call("i/finn", "snapshot_cluster") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 429)
    assert limited.call("i/finn").status_code == 200
    assert "connecting" in second.json()["error"]["message"]


def test_the_official_client_hears_the_sentence(limited: Limited) -> None:
    async def ask() -> list[str]:
        said = []
        async with (
            httpx2.AsyncClient(headers={"authorization": "Bearer i/gina"}, timeout=600, trust_env=False) as http,
            Client(streamable_http_client(limited.url, http_client=http)) as client,
        ):
            for _ in range(12):
                try:
                    await client.call_tool("explain_rule", {"name": "weights/complete"})
                except MCPError as error:
                    said.append(error.error.message)
        return said

    said = asyncio.run(ask())
    assert len(said) == 2
    assert "the limit 'calls' of 10 calls per hour is reached; try again in" in said[0]


def test_if_the_file_is_wrong_no_tool_is_called(limited: Limited) -> None:
    path = Path(str(limited.settings.limits))
    try:
        path.write_text("rates: [{nam: x}]", encoding="utf-8")
        limited.limits.file._looked = None
        answer = limited.call("i/hal")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "its limits are not known" in answer.json()["error"]["message"]
        assert str(path.parent) not in answer.text
    finally:
        path.write_text(LIMITS, encoding="utf-8")
        limited.limits.file._looked = None
    assert limited.call("i/hal").status_code == 200


def test_without_a_file_callers_with_tokens_are_limited_and_this_user_alone_is_not(tmp_path: Path) -> None:
    settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
    assert limits_of(settings, alone=False).file.limits() == USUAL
    assert not limits_of(settings, alone=True).file.limits().rules
    (tmp_path / "limits.yaml").write_text("rates: [{name: a, calls: 1, per: hour, tools: [waivers]}]", encoding="utf-8")
    with pytest.raises(Refused, match="'waivers', which is no tool"):
        limits_of(settings, alone=True)


@pytest.mark.parametrize(
    ("counters", "environment", "said"),
    [
        ("database", {}, "a file of this machine"),
        ("database", {"ARCOPS_DATABASE": "postgresql+psycopg://arcops@db.example.org/arcops"}, "air-gapped does not reach"),
        ("redis", {}, "ARCOPS_REDIS names no server"),
        ("redis", {"ARCOPS_REDIS": "rediss://r.example.org"}, "air-gapped does not reach"),
        ("redis", {"ARCOPS_REDIS": "redis://:hunter2@127.0.0.1"}, "plain address"),
    ],
)
def test_counters_that_the_hosts_cannot_share_are_refused_at_the_start(
    tmp_path: Path, counters: str, environment: dict[str, str], said: str
) -> None:
    (tmp_path / "limits.yaml").write_text(
        f"counters: {counters}\nhosts: 2\nrates: [{{name: a, calls: 1, per: hour}}]", encoding="utf-8"
    )
    with pytest.raises(Refused, match=said) as caught:
        limits_of(read_settings({"ARCOPS_HOME": str(tmp_path), **environment}), alone=False)
    assert "hunter2" not in str(caught.value)


def test_counts_in_a_file_of_sqlite_outlive_a_restart(tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text(
        "counters: database\nhosts: 1\nquotas: [{name: a, calls: 3, per: month}]", encoding="utf-8"
    )
    settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
    caller, call = Identity(issuer="https://i.example", tenant="", id="ida"), frozenset(("call",))
    let = 0
    for _ in range(2):
        at = limits_of(settings, alone=False)
        at.seconds = 600
        let += sum(at.decide(caller, "list_policies", call).let for _ in range(2))
        assert at.told.lost == ""
        at.close()
    assert let == 3
