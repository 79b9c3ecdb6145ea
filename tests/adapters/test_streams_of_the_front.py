"""A stream of the front lasts no longer than what its caller showed, in both eras of the protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette

from adapters.http import standing
from adapters.http.access import IDENTITY, Asked, Guard
from adapters.mcp.app import endpoint
from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from flows.place import Place
from foundation.authorization.decision import Decision
from foundation.identity.accepting import Accepting
from foundation.tokens import NotAccepted
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.adapters.test_sessions import Believing
from tests.models import Bench, bench
from tests.waiting import until

pytestmark = [pytest.mark.requirement("ARC-R2/streams-end-with-the-token"), pytest.mark.xdist_group("sessions")]

HEADERS = {"authorization": "Bearer t/ada", "accept": "application/json, text/event-stream", "content-type": "application/json"}
CLIENT = {"name": "c", "version": "1"}


class Revoking(Believing):
    """Believes each token until a test says that it is ``over``; who ``looked`` at it is told to the test."""

    def __init__(self) -> None:
        self.over: Exception | None = None
        self.looks = 0

    def identity(self, token: str, also: str = "") -> Identity:
        self.looks += 1
        if self.over is not None:
            raise self.over
        return super().identity(token, also)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@contextmanager
def serving(here: Bench, accepting: Revoking) -> Iterator[str]:
    place = Place(settings=here.settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
    found = endpoint(place, resource="http://127.0.0.1/mcp", door=replace(door_for(), accepting=cast(Accepting, accepting)))
    with loopback(Starlette(routes=found.routes, lifespan=lambda _: found.running), lifespan="on") as port:
        yield f"http://127.0.0.1:{port}/mcp"


def message(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


async def listening(_: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    """The request for a stream of notifications of revision 2026-07-28 (section "subscriptions/listen")."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": CLIENT,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {**HEADERS, "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}
    body = message("subscriptions/listen", notifications={"resourcesListChanged": True}, _meta=meta)
    return {"method": "POST", "url": url, "headers": headers, "content": body}


async def in_a_session(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    """The request for the stream of a session of revision 2025-11-25 ("Listening for Messages from the Server")."""
    body = message("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=CLIENT)
    begun = await http.post(url, headers=HEADERS, content=body)
    headers = {**HEADERS, "mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    return {"method": "GET", "url": url, "headers": headers}


@pytest.mark.parametrize("asking", [listening, in_a_session])
def test_a_stream_ends_when_its_caller_is_not_let_in_any_more(
    here: Bench, monkeypatch: pytest.MonkeyPatch, asking: Any
) -> None:
    accepting = Revoking()

    async def hurried(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
        """The request; from then on it is looked at callers all the time."""
        asked = await asking(http, url)
        monkeypatch.setattr(standing, "LOOK_SECONDS", 0.02)
        return cast(dict[str, Any], asked)

    async def run(url: str) -> None:
        async with (
            asyncio.timeout(120),
            httpx2.AsyncClient(timeout=600, trust_env=False) as http,
            http.stream(**await hurried(http, url)) as answer,
        ):
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
            for over in (None, Unavailable("its keys cannot be had")):  # it stays open, also if that cannot be seen now
                accepting.over, seen = over, accepting.looks
                await asyncio.to_thread(until, lambda seen=seen: accepting.looks >= seen + 3, "three looks", seconds=60)
                assert not answer.is_closed
            accepting.over = NotAccepted("the key was revoked")
            with suppress(httpx2.RemoteProtocolError):
                async for _ in answer.aiter_bytes():  # it ends, or the test does not
                    continue

    with serving(here, accepting) as url:
        asyncio.run(run(url))


@pytest.mark.parametrize("lost", ["another person", "the policy"])
def test_a_stream_ends_with_the_permission_and_with_the_person(lost: str) -> None:
    """A session of the pages may be of another one by now, and a policy may have changed."""
    ada = Identity(issuer="https://i.example", tenant="t", id="ada")
    allowed = Decision(allowed=True, reason="", engines=(), epoch="")

    class Changed(Guard):
        async def _identify(self, scope: Any) -> None:
            scope[IDENTITY] = replace(ada, id="eve") if lost == "another person" else ada

    guard = Changed(app=_nothing, door=door_for(), resource="http://x/mcp", asks=_nothing, limit=0)
    asked = Asked(scopes=(), may=lambda _: replace(allowed, allowed=lost != "the policy"))
    assert not asyncio.run(guard._still_let_in({IDENTITY: ada}, asked))
    assert asyncio.run(guard._still_let_in({IDENTITY: ada}, replace(asked, may=lambda _: allowed))) is (lost == "the policy")
