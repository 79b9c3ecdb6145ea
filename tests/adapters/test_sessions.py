"""A session of MCP goes on at another instance and after a restart, for its caller alone, and what cannot go on is said.

Specification: revision 2025-11-25, "Streamable HTTP", "Session Management" and "Resumability and Redelivery". Revision
2026-07-28 has no sessions, so its clients go on anyway.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from adapters.mcp.app import McpEndpoint, endpoint
from arcops.errors import Refused
from arcops.identity import Identity
from arcops.tier import Tier
from flows.place import Place
from foundation.database.address import read_address
from foundation.database.engine import connected
from foundation.database.migrating import ready
from foundation.identity.accepting import Accepting
from foundation.settings import read_settings
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.postgres import postgres

pytestmark = [pytest.mark.requirement("BASE-1/sessions-resume"), pytest.mark.xdist_group("sessions")]


@dataclass
class Believing:
    """Stands for `Accepting`: a token is TENANT/NAME of who brings it."""

    tokens: tuple[Any, ...] = (SimpleNamespace(issuer=SimpleNamespace(name="https://i.example", reviewed=None)),)

    def at_hand(self, token: str, also: str = "") -> Identity:
        return self.identity(token)

    def identity(self, token: str, also: str = "") -> Identity:
        tenant, _, name = token.partition("/")
        return Identity(issuer="https://i.example", tenant=tenant, id=name, scopes=frozenset(("read", "check")))


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@dataclass
class Instances:
    """Two instances of one database behind one address; ``now`` is the one that requests reach."""

    made: list[McpEndpoint]
    database: str = ""
    url: str = ""
    now: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Starlette(routes=self.made[self.now].routes)(scope, receive, send)

    @asynccontextmanager
    async def running(self, _: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            for one in self.made:
                await held.enter_async_context(one.running)
            yield


def instance(home: Path, database: str) -> McpEndpoint:
    settings = read_settings({"ARCOPS_HOME": str(home), "ARCOPS_DATABASE": database})
    place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
    door = replace(door_for(), accepting=cast(Accepting, Believing()))
    return endpoint(place, resource="http://127.0.0.1/mcp", door=door)


@contextmanager
def serving(instances: Instances) -> Iterator[Instances]:
    app = Starlette(lifespan=instances.running)
    app.mount("/", instances)
    with loopback(app, lifespan="on") as port:
        instances.url = f"http://127.0.0.1:{port}/mcp"
        yield instances


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.site)])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instances]:
    with ExitStack() as held:
        database = f"sqlite:///{tmp_path_factory.mktemp('shared')}/arcops.sqlite"
        if request.param == "postgresql":
            database = held.enter_context(postgres()).replace("asyncpg", "psycopg")
        made = [instance(tmp_path_factory.mktemp(name), database) for name in ("one", "two")]
        yield held.enter_context(serving(Instances(made, database)))


@pytest.fixture(autouse=True)
def at_the_first(both: Instances, monkeypatch: pytest.MonkeyPatch) -> None:
    both.now = 0
    monkeypatch.setattr("adapters.mcp.kept_sessions.LOOK_SECONDS", 0)


@asynccontextmanager
async def client(both: Instances, mode: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": "Bearer t/ada"}, timeout=600, trust_env=False) as http,
        Client(streamable_http_client(both.url, http_client=http), mode=mode) as found,
    ):
        yield found


def headers(who: str, session: str = "") -> dict[str, str]:
    more = {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"} if session else {}
    return {
        "accept": "application/json, text/event-stream", "content-type": "application/json", "authorization": f"Bearer {who}",
        **more,
    }  # fmt: skip


def opened(both: Instances, who: str) -> str:
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about}
    answer = httpx2.post(both.url, json=message, headers=headers(who), timeout=600, trust_env=False)
    return str(answer.headers["mcp-session-id"])


OWNER = "https://i.example|t|ada"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def ask(both: Instances, method: str, who: str, session: str, json: Any = None, **more: Any) -> httpx2.Response:
    named = {**headers(who, session), **more}
    return httpx2.request(method, both.url, json=json, headers=named, timeout=600, trust_env=False)


def said(answer: httpx2.Response) -> Any:
    """The last message in a stream of events."""
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return json.loads(lines[-1])


def test_a_session_goes_on_at_another_instance(both: Instances) -> None:
    session = opened(both, "t/ada")
    for number in range(6):
        both.now = number % 2
        answer = ask(both, "POST", "t/ada", session, {**LIST, "id": number})
        assert (answer.status_code, answer.headers["mcp-session-id"]) == (200, session)
        assert said(answer)["id"] == number
        assert said(answer)["result"]["tools"]


def test_requests_that_come_at_once_begin_it_once(both: Instances) -> None:
    session = opened(both, "t/ada")
    both.now = 1

    async def many() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(timeout=600, trust_env=False) as http:
            named = headers("t/ada", session)
            return await asyncio.gather(
                *(http.post(both.url, json={**LIST, "id": number}, headers=named) for number in range(8))
            )

    answers = asyncio.run(many())
    assert [one.status_code for one in answers] == [200] * 8
    assert [said(one)["id"] for one in answers] == list(range(8))


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_session_that_never_was_is_404(both: Instances, method: str) -> None:
    for session in ("0" * 32, "x", "y" * 300):
        answer = ask(both, method, "t/ada", session, LIST if method == "POST" else None)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "Session not found"


@pytest.mark.parametrize("at", [0, 1])
def test_a_session_of_another_caller_is_404_also_in_another_tenant(both: Instances, at: int) -> None:
    """Mutation: the database is asked for the session alone, without its caller."""
    session = opened(both, "t/ada")
    both.now = at
    for method in ("POST", "GET", "DELETE"):
        for who in ("t/bob", "u/ada"):
            assert ask(both, method, who, session, LIST if method == "POST" else None).status_code == 404, who
    assert ask(both, "POST", "t/ada", session, LIST).status_code == 200


def test_a_session_that_was_ended_at_one_instance_has_ended_at_each(both: Instances) -> None:
    """Mutation: the other instance does not ask whether the session was ended."""
    session = opened(both, "t/ada")
    both.now = 1
    assert ask(both, "POST", "t/ada", session, LIST).status_code == 200
    assert ask(both, "DELETE", "t/ada", session).status_code == 200
    for at in (0, 1, 0):
        both.now = at
        assert ask(both, "POST", "t/ada", session, LIST).status_code == 404


def test_a_session_that_the_database_forgot_is_kept_again_while_it_is_open(both: Instances) -> None:
    """An open stream of events is no request: the time in the database runs out meanwhile."""
    session = opened(both, "t/ada")
    with ready(connected(read_address(both.database), Tier.AIR_GAPPED)) as database:
        with database.writing() as connection:
            connection.execute(text("UPDATE arcops_mcp_session SET until = 1"))
        assert ask(both, "POST", "t/ada", session, LIST).status_code == 200
        both.now = 1
        assert ask(both, "POST", "t/ada", session, LIST).status_code == 200
        with database.writing() as connection:
            connection.execute(text("UPDATE arcops_mcp_session SET opening = '' WHERE owner = :who"), {"who": OWNER})
        assert ask(both, "POST", "t/ada", session, LIST).status_code == 404


def test_a_stream_that_broke_is_resumed_where_its_events_are_and_else_that_is_said(both: Instances) -> None:
    session = opened(both, "t/ada")
    answer = ask(both, "POST", "t/ada", session, {**LIST, "id": 5})
    first = next(line.removeprefix("id: ") for line in answer.text.splitlines() if line.startswith("id: "))
    back = {"last-event-id": first}
    assert said(ask(both, "GET", "t/ada", session, **back))["result"]["tools"]
    both.now = 1
    missed = said(ask(both, "GET", "t/ada", session, **back))
    assert (missed["id"], "send the request again" in missed["error"]["message"]) == (5, True)


def test_a_session_goes_on_after_a_restart(both: Instances, tmp_path: Path) -> None:
    session = opened(both, "t/ada")
    with serving(Instances([instance(tmp_path, both.database)])) as after:
        assert ask(after, "POST", "t/bob", session, LIST).status_code == 404
        assert said(ask(after, "POST", "t/ada", session, LIST))["result"]["tools"]


def test_without_the_database_a_session_is_of_its_instance(tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    lost.mkdir(mode=0o777)
    lost.chmod(0o777)  # a folder that others can write is refused
    with serving(Instances([instance(tmp_path / name, f"sqlite:///{lost}/db") for name in ("a", "b")])) as both:
        session = opened(both, "t/ada")
        assert ask(both, "POST", "t/ada", session, LIST).status_code == 200
        both.now = 1
        assert ask(both, "POST", "t/ada", session, LIST).status_code == 404


def test_while_it_is_not_known_whether_there_is_a_session_the_client_has_to_wait(tmp_path: Path) -> None:
    """Not 404: then it would begin a new one, and lose what it has."""
    with serving(Instances([instance(tmp_path, "postgresql+psycopg://arcops@127.0.0.1:9/arcops")])) as alone:
        session = opened(alone, "t/ada")
        assert ask(alone, "POST", "t/ada", session, LIST).status_code == 200
        answer = ask(alone, "POST", "t/ada", "0" * 32, LIST)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_the_official_client_notices_nothing(both: Instances, mode: str) -> None:
    async def ask() -> None:
        async with client(both, mode) as found:
            for number in range(4):
                both.now = number % 2
                assert not (await found.call_tool("list_policies", {})).is_error

    asyncio.run(asyncio.wait_for(ask(), 600))
