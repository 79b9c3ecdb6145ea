"""What a client meets after a restart, or at another instance: a session that is not there is 404 at once, and never a hang.

Specification: revision 2025-11-25, "Streamable HTTP", "Session Management": a server answers 404 to a session that it ended,
and a client that gets 404 begins a new session. Revision 2026-07-28 has no sessions, so its clients go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from adapters.mcp.app import McpEndpoint, endpoint
from arcops.errors import Refused
from arcops.identity import Identity
from flows.place import Place
from foundation.identity.accepting import Accepting
from foundation.settings import read_settings
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback

pytestmark = [pytest.mark.requirement("BASE-1/sessions-resume"), pytest.mark.xdist_group("sessions")]


@dataclass
class Believing:
    """Stands for `Accepting`: a token is TENANT/NAME of who brings it."""

    tokens: tuple[Any, ...] = (SimpleNamespace(issuer=SimpleNamespace(name="https://i.example", reviewed=None)),)

    def at_hand(self, token: str) -> Identity:
        return self.identity(token)

    def identity(self, token: str) -> Identity:
        tenant, _, name = token.partition("/")
        return Identity(issuer="https://i.example", tenant=tenant, id=name, scopes=frozenset(("read", "check")))


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@dataclass
class Instances:
    """Two instances behind one address; ``now`` is the one that requests reach."""

    made: list[McpEndpoint]
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


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instances]:
    made = []
    for name in ("one", "two"):
        settings = read_settings({"ARCOPS_HOME": str(tmp_path_factory.mktemp(name))})
        place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
        door = replace(door_for(), accepting=cast(Accepting, Believing()))
        made.append(endpoint(place, resource="http://127.0.0.1/mcp", door=door))
    instances = Instances(made)
    app = Starlette(lifespan=instances.running)
    app.mount("/", instances)
    with ExitStack() as held:
        instances.url = f"http://127.0.0.1:{held.enter_context(loopback(app, lifespan='on'))}/mcp"
        yield instances


@pytest.fixture(autouse=True)
def at_the_first(both: Instances) -> None:
    both.now = 0


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


LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_session_of_another_instance_is_404(both: Instances, method: str) -> None:
    session = opened(both, "t/ada")
    both.now = 1
    answer = httpx2.request(
        method,
        both.url,
        json=LIST if method == "POST" else None,
        headers=headers("t/ada", session),
        timeout=600,
        trust_env=False,
    )
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Session not found"


def test_a_session_of_another_caller_is_404_also_in_another_tenant(both: Instances) -> None:
    session = opened(both, "t/ada")
    for who, status in (("t/ada", 200), ("t/bob", 404), ("u/ada", 404)):
        answer = httpx2.post(both.url, json=LIST, headers=headers(who, session), timeout=600, trust_env=False)
        assert answer.status_code == status, who


def test_the_official_client_hears_it_at_once_and_begins_again(both: Instances) -> None:
    async def ask() -> None:
        async with client(both, "legacy") as found:
            assert (await found.list_tools()).tools
            both.now = 1
            with pytest.raises(MCPError, match="Session not found"):
                await found.call_tool("list_policies", {})
        async with client(both, "legacy") as found:
            assert not (await found.call_tool("list_policies", {})).is_error

    asyncio.run(asyncio.wait_for(ask(), 600))


def test_a_client_without_sessions_goes_on(both: Instances) -> None:
    async def ask() -> None:
        async with client(both, "2026-07-28") as found:
            assert not (await found.call_tool("list_policies", {})).is_error
            both.now = 1
            assert not (await found.call_tool("list_policies", {})).is_error

    asyncio.run(asyncio.wait_for(ask(), 600))
