"""Who may call a hosted server: the same tokens, roles, limits and record as at every other door."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.limiting import limits_of
from adapters.http.quotas import Quotas, Shares
from capabilities.access.known import authorization, known_objects
from foundation.audit.audit import Audit
from foundation.authorization.authorizing import Authorization
from foundation.identity.accepting import read_accepting
from foundation.settings import read_settings
from foundation.tokens import fetched
from tests.adapters.relay.talking import ACCEPT, Client, Here, ask, serving
from tests.models import bench
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.issuer import Issuer, issuing

AUDIENCE = "https://arcops.example/mcp"
ROLES = """\
roles:
  callers:
    allows: ["servers/t/*:call"]
    denies: ["servers/t/die:call"]
  careful: {allows: ["servers/t/*:call"], acr: ["urn:mfa", "urn:better"], amr: [otp]}
callers:
  - {issuer: "ISSUER", tenant: "", id: ada, roles: [callers]}
  - {issuer: "ISSUER", tenant: "", id: eve, roles: [callers]}
"""
LIMITS = """\
rates:
  - {name: calls, calls: 3, per: minute}
"""


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Door, Issuer, Path]]:
    with issuing() as issuer:
        here = bench(tmp_path)
        (here.home / "access").mkdir(mode=0o700)
        (here.home / "access" / "roles.yaml").write_text(ROLES.replace("ISSUER", issuer.url))
        (tmp_path / "limits.yaml").write_text(getattr(request, "param", LIMITS))
        environment = here.environment | {
            "ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_LIMITS": str(tmp_path / "limits.yaml")
        }  # fmt: skip
        settings = read_settings(environment)
        audit = Audit.open(settings)
        quotas = Quotas(sessions=3)
        door = Door(
            accepting=read_accepting(environment, settings.tier, AUDIENCE, now=time.time, fetch=fetched),
            authorization=authorization(settings),
            accounts=Accounts(audit=audit, tier=settings.tier),
            quotas=quotas,
            requests=Shares(quotas.requests, "requests in progress"),
            limits=limits_of(settings, alone=False),
        )
        yield door, issuer, here.home
        audit.close()


def shown(issuer: Issuer, who: str, **claims: object) -> dict[str, str]:
    token = issuer.token(aud=AUDIENCE, sub=who, exp=time.time() + 3600, scope="arcops:read", **claims)
    return {"authorization": f"Bearer {token}"}


def of(here: Here, issuer: Issuer, who: str) -> Client:
    return here.client("t", **shown(issuer, who))


def test_without_a_valid_token_a_client_learns_where_to_get_one(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door, origin="https://host.example") as here:
            for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eA=="}):
                response = await here.client("t", **headers).send({"jsonrpc": "2.0", "id": 1, "method": "ping"})
                assert response.status == 401
                metadata = "https://host.example/.well-known/oauth-protected-resource/t/mcp"
                assert f'resource_metadata="{metadata}"' in response.headers["www-authenticate"]
            told = await ask(here.port, "GET", "/.well-known/oauth-protected-resource/t/mcp")
            found = json.loads(await told.body())
            assert found["resource"] == "https://host.example/t/mcp"
            assert found["authorization_servers"] == [issuer.url]
            assert (await ask(here.port, "GET", "/t/status")).status == 401
            assert here.hosting.started == 0

    asyncio.run(run())


@pytest.mark.requirement("HOST-013/tokens-for-one-server")
def test_a_token_for_one_server_opens_no_other(place: tuple[Door, Issuer, Path]) -> None:
    """The audience is the resource of the server's own metadata (RFC 8707, RFC 9728)."""
    door, issuer, _ = place

    async def run() -> None:
        hosting = Hosting(commands={"t": trivial(), "s": trivial()}, stateless=frozenset(("t", "s")))
        async with serving(hosting, door, origin="https://host.example") as here:
            known = await (await ask(here.port, "GET", "/.well-known/oauth-protected-resource/t/mcp")).last()
            own = {"authorization": f"Bearer {issuer.token(aud=known['resource'], sub='ada', exp=time.time() + 3600)}"}
            both = [known["resource"], "https://elsewhere.example"]
            listed = {"authorization": f"Bearer {issuer.token(aud=both, sub='ada', exp=time.time() + 3600)}"}
            for shown_here, name, status in (
                (own, "t", 200),
                (own, "s", 401),  # also just after it was accepted at the other one
                (own, "t", 200),
                (listed, "t", 200),
                (listed, "s", 401),
                (shown(issuer, "ada"), "t", 200),
                (shown(issuer, "ada"), "s", 200),
            ):
                found = await ask(here.port, "GET", f"/{name}/status", shown_here)
                assert found.status == status, (name, found.status)
            for wrong in ("https://host.example/t", "https://host.example/t/mcp/", "https://host.example/T/mcp", "t", ""):
                token = issuer.token(aud=wrong, sub="ada", exp=time.time() + 3600)
                assert (await ask(here.port, "GET", "/t/status", {"authorization": f"Bearer {token}"})).status == 401, wrong

    asyncio.run(run())


@pytest.mark.requirement("BASE-10/second-factors-and-saml")
def test_a_tool_that_takes_a_further_proof_says_which(place: tuple[Door, Issuer, Path]) -> None:
    """RFC 9470, section 3: a client that logs its person in again with one of these is let in."""
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door, origin="https://host.example") as here:
            plain = here.client("t", **shown(issuer, "bob", roles=["careful"]))
            await plain.open()
            response = await plain.begin("echo", {"text": "hi"})
            assert response.status == 401
            challenge = response.headers["www-authenticate"]
            assert challenge.startswith('Bearer error="insufficient_user_authentication", ')
            assert 'acr_values="urn:better urn:mfa"' in challenge
            assert 'resource_metadata="https://host.example/.well-known/oauth-protected-resource/t/mcp"' in challenge
            plain.headers = shown(issuer, "bob", roles=["careful"], acr="urn:mfa", amr=["otp"])
            assert await plain.text("echo", {"text": "hi"}) == "hi"
            for roles in ([], ["callers"]):  # another login would not help, or it is denied however one logs in
                other = here.client("t", **shown(issuer, "bob", roles=roles))
                await other.open()
                assert (await other.begin("die")).status == 403

    asyncio.run(run())


def test_a_session_belongs_to_its_caller_and_not_to_the_token(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open()
            ada.headers = shown(issuer, "ada", jti="renewed")
            assert await ada.text("echo", {"text": "hi"}) == "hi"
            eve = of(here, issuer, "eve")
            eve.session = ada.session
            assert (await eve.request("ping")).status == 404
            assert (await eve.stream()).status == 404
            own = {"mcp-session-id": ada.session, **eve.headers}
            assert (await ask(here.port, "DELETE", "/t/mcp", own)).status == 404
            assert await ada.text("echo", {"text": "hi"}) == "hi"

    asyncio.run(run())


def test_roles_decide_about_each_tool(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        hosting = Hosting(commands={"t": trivial(), "other": trivial()})
        async with serving(hosting, door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open()
            refused = await ada.begin("die")
            assert refused.status == 403
            assert (await refused.last())["error"]["data"] == {"dev.arcops/error": "refused"}
            assert await ada.text("echo", {"text": "alive"}) == "alive"
            twice = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"die","arguments":{}}}'
            assert (await ada.send(twice)).status == 403
            other = here.client("other", **shown(issuer, "ada"))
            await other.open()
            assert (await other.begin("echo")).status == 403
            assert (await other.request("resources/read", {"uri": "a:b"})).status == 403

    asyncio.run(run())


def test_the_name_that_was_decided_about_is_the_one_that_is_called(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open()
            twice = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"die","n\\u0061me":"echo","arguments":{}}}'
            answer = await (await ada.send(twice)).last()
            assert answer["result"]["content"][0]["text"] == ""

    asyncio.run(run())


def test_a_limit_holds_and_is_told(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door) as here:
            ada, eve = of(here, issuer, "ada"), of(here, issuer, "eve")
            await ada.open()
            await eve.open()
            statuses = [(await ada.begin("count")).status for _ in range(5)]
            assert statuses == [200, 200, 200, 429, 429]
            limited = await ada.begin("count")
            assert int(limited.headers["retry-after"]) > 0
            assert (await limited.last())["error"]["code"] == -32029
            assert (await eve.begin("count")).status == 200
            assert "ratelimit" in (await eve.begin("count")).headers

    asyncio.run(run())


def test_each_call_has_one_record(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, home = place

    async def run() -> None:
        async with serving(door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open()
            await ada.text("echo", {"text": "canary"})
            await ada.begin("die")
            await ada.call("nothing")
            await here.client("t", authorization="Bearer canary").send({"jsonrpc": "2.0", "id": 1, "method": "ping"})

    asyncio.run(run())
    assert door.accounts is not None
    door.accounts.audit.flush()
    text = "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file() and "audit" in path.parts)
    assert "canary" not in text
    records = [json.loads(line) for line in text.splitlines() if '"door":"relay"' in line and line.startswith("{")]
    told = [(one["tool"], one["object"], one["outcome"], one["reason"], one["actor"]["id"]) for one in records]
    assert told == [
        ("echo", "servers/t", "done", "", "ada"),
        ("die", "servers/t", "denied", "policy", "ada"),
        ("nothing", "servers/t", "failed", "error", "ada"),
        ("", "servers/t", "denied", "token", ""),
    ]
    assert records[0]["latencyUs"] > 0


def test_a_caller_has_so_many_sessions(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door) as here:
            clients = [of(here, issuer, "ada") for _ in range(4)]
            streams = []
            for one in clients[:3]:
                await one.open()
                streams.append(await one.stream())
            response = await clients[3].send(
                {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
            )
            assert response.status == 429
            eve = of(here, issuer, "eve")
            assert "result" in await eve.open()
            status = await ask(here.port, "GET", "/t/status", ACCEPT | eve.headers)
            assert json.loads(await status.body())["state"] == "Running"

    asyncio.run(run())


@pytest.mark.requirement("HOST-019/parameters-are-isolated")
def test_a_call_outside_of_what_is_bound_for_its_caller_never_reaches_the_server(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place
    door = replace(door, limits=None)

    async def run() -> None:
        bound = (f"{issuer.url},:text=ours", "elsewhere:text=theirs")
        async with serving(Hosting(commands={"t": trivial()}, bound=bound), door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open()
            assert await ada.text("echo", {"text": "ours"}) == "ours"
            for arguments in (
                {"text": "theirs"},
                {"text": ["ours", "theirs"]},
                {"inside": {"text": "theirs"}, "text": "ours"},
            ):
                refused = await ada.begin("echo", arguments)
                assert refused.status == 403
                said = (await refused.last())["error"]
                assert "is bound to another value" in said["message"]
                assert "ours" not in said["message"]
            twice = (
                b'{"jsonrpc":"2.0","id":9,"method":"tools/call",'
                b'"params":{"name":"echo","arguments":{"text":"theirs","text":"ours"}}}'
            )
            assert (await ada.send(twice)).status == 403
            (link,) = (one for one, _ in here.hosting.links.values())
            assert link.counts.calls == 2  # the handshake, and the call within its scope

    asyncio.run(run())


def test_to_listen_to_resources_takes_the_permission_to_subscribe(place: tuple[Door, Issuer, Path]) -> None:
    """In both revisions; to listen to lists takes none, as to list does."""
    door, issuer, home = place
    (home / "access" / "roles.yaml").write_text(
        ROLES.replace("servers/t/die", "servers/t/resources/subscribe").replace("ISSUER", issuer.url)
    )
    door = replace(door, limits=None, authorization=Authorization(home / "access", known_objects()))

    async def run() -> None:
        async with serving(door=door) as here:
            ada, modern = of(here, issuer, "ada"), of(here, issuer, "ada")
            await ada.open()
            refused = await ada.request("resources/subscribe", {"uri": "test://text"})
            assert refused.status == 403
            for wanted, status in (
                ({"resourceSubscriptions": ["test://text"]}, 403),
                ({"resourceSubscriptions": ["test://text"], "toolsListChanged": True}, 403),
                ({"resourceSubscriptions": "test://text"}, 403),
                ({"toolsListChanged": True}, 200),
                ({"resourceSubscriptions": []}, 200),
            ):
                answer = await modern.modern("subscriptions/listen", {"notifications": wanted})
                assert answer.status == status, wanted
                answer.close()

    asyncio.run(run())
    assert door.accounts is not None
    door.accounts.audit.close()
    text = "".join(path.read_text(errors="replace") for path in (home / "audit").rglob("*") if path.is_file())
    assert text.count('"action":"resources/subscribe"') == 4, "each refusal has its record"


@pytest.mark.requirement("HOST-019/parameters-are-isolated")
def test_no_other_place_of_a_message_says_what_is_bound(place: tuple[Door, Issuer, Path]) -> None:
    """What is completed and what is said beside it, and what a person answers to the server, in both revisions."""
    door, issuer, _ = place
    door = replace(door, limits=None)

    async def run() -> None:
        bound = (f"{issuer.url},:text=ours",)
        async with serving(Hosting(commands={"t": trivial()}, bound=bound), door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open({"elicitation": {}})
            ref = {"type": "ref/prompt", "name": "greet"}
            for beside in (
                {"argument": {"name": "text", "value": "th"}},
                {"argument": {"name": "a", "value": "b"}, "context": {"arguments": {"text": "theirs"}}},
            ):
                answer = await ada.request("completion/complete", {"ref": ref, **beside})
                assert answer.status == 403
                assert "is bound to another value" in (await answer.last())["error"]["message"]
            passed = await ada.request("completion/complete", {"ref": ref, "argument": {"name": "a", "value": "text"}})
            assert "result" in await passed.last()
            modern = of(here, issuer, "ada")
            given = {
                "name": "echo",
                "arguments": {},
                "inputResponses": {"q": {"action": "accept", "content": {"text": "theirs"}}},
            }
            assert (await modern.modern("tools/call", given)).status == 403
            for content, heard in (({"text": "theirs"}, "error"), ({"text": "ours"}, "result"), ({"a": "theirs"}, "result")):
                call = await ada.begin("ask", {"method": "elicitation/create"})
                messages = call.events()
                asked = {}
                while "method" not in asked:
                    _, asked = await anext(messages)
                result = {"action": "accept", "content": content}
                await ada.send({"jsonrpc": "2.0", "id": asked["id"], "result": result})
                said = json.loads((await anext(messages))[1]["result"]["content"][0]["text"])
                assert list(said) == [heard]
                assert "theirs" not in json.dumps(said.get("error", ""))

    asyncio.run(run())


@pytest.mark.requirement("HOST-017/status-shows-the-state")
def test_what_a_server_wrote_is_not_shown_to_callers(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(door=door) as here:
            ada = of(here, issuer, "ada")
            await ada.open()
            found = json.loads(await (await ask(here.port, "GET", "/t/status", shown(issuer, "eve"))).body())
            assert found["state"] == "Running"
            assert not {"stderr", "pids"} & set(found)

    asyncio.run(run())
