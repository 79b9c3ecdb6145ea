"""Two hosts of a site: a session of one of them goes on when its requests reach the other one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from adapters.http.access import Door
from adapters.http.serve import reserved_port
from adapters.relay.forwarding import VOUCHED, Forwarding
from arcops.errors import Refused
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.authorization.role_policy import RESERVED
from services.host.peers import NotVouched, Peers, read_peer_address
from tests.adapters.relay.talking import ACCEPT, Client, Here, ask, serving, until
from tests.adapters.relay.test_access import place, shown
from tests.certificates import Authority
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.issuer import Issuer

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
KEY = "a key that all hosts of the test share, made by no chance"
ANN = Identity(issuer="https://login.example.org", tenant="acme", id="ann", roles=frozenset(("callers",)))
__all__ = ["place"]


def forwarding(port: int, key: str = KEY, now: float = 0.0) -> Forwarding:
    peers = Peers(key, f"http://127.0.0.1:{port}", now=(lambda: now) if now else time.time)
    return Forwarding(peers=peers, tier=Tier.AIR_GAPPED)


@asynccontextmanager
async def two(
    door: Door | None = None, keys: tuple[str, str] = (KEY, KEY), one: Hosting | None = None
) -> AsyncIterator[tuple[Here, Here]]:
    """Two hosts, each with its own processes."""
    async with AsyncExitStack() as stack:
        found = []
        for number, key in enumerate(keys):
            port = stack.enter_context(reserved_port())
            made = forwarding(port, key)
            stack.push_async_callback(made.close)
            hosting = one if number == 0 and one is not None else Hosting(commands={"t": trivial()})
            found.append(await stack.enter_async_context(serving(hosting, door, port=port, forwarding=made)))
        yield found[0], found[1]


def at(here: Here, client: Client) -> Client:
    """The same client, whose requests reach *here*."""
    return Client(port=here.port, server=client.server, session=client.session, headers=client.headers, numbers=1000)


@pytest.mark.requirement("HOST-013/sessions-go-on-at-every-host")
def test_requests_that_reach_the_hosts_by_turns_are_one_session() -> None:
    async def run() -> None:
        async with two() as (one, other):
            client = await one.opened()
            there = at(other, client)
            assert [await here.text("count") for here in (client, there, client, there)] == ["1", "2", "3", "4"]
            assert (one.hosting.started, other.hosting.started) == (1, 0)

            progress = await (await there.begin("slow_progress", {"steps": 2}, token="mine")).messages()
            assert [found["params"]["progressToken"] for found in progress[:-1]] == ["mine", "mine"]

            stream = await there.stream()
            await client.call("changed")
            async for _, found in stream.events():
                assert found["method"] == "notifications/tools/list_changed"
                break
            assert (await ask(other.port, "DELETE", "/t/mcp", ACCEPT | {"mcp-session-id": client.session})).status == 200
            assert (await client.begin("count")).status == 404

    asyncio.run(run())


def test_who_leaves_at_one_host_cancels_at_the_other() -> None:
    async def run() -> None:
        async with two() as (one, other):
            client = await one.opened()
            began = await at(other, client).begin("slow_progress", {"steps": 1000, "seconds": 0.05}, token=1)
            async for _ in began.chunks():
                break
            began.close()
            while not await client.cancelled():
                await asyncio.sleep(0.05)

    asyncio.run(run())


def test_a_session_of_http_and_sse_is_posted_to_from_every_host() -> None:
    async def run() -> None:
        async with two() as (one, other):
            stream = await ask(one.port, "GET", "/t/sse", {"accept": "text/event-stream"})
            lines = stream.lines()
            address = ""
            while not address:
                line = await anext(lines)
                address = line.removeprefix("data: ") if line.startswith("data: /") else ""
            params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
            assert (await ask(other.port, "POST", address, ACCEPT, body)).status == 202
            while not (line := await anext(lines)).startswith("data: {"):
                pass
            assert json.loads(line[6:])["result"]["serverInfo"]["name"] == "trivial"

    asyncio.run(run())


def test_a_session_of_a_host_that_is_gone_is_not_known_and_begins_again() -> None:
    async def run() -> None:
        async with two() as (one, other):
            lost = at(other, await one.opened())
            link, _ = next(iter(one.hosting.links.values()))
            one.server.should_exit = True
            while one.server.servers and one.server.servers[0].is_serving():
                await asyncio.sleep(0.02)
            answer = await lost.begin("count")
            assert answer.status == 404  # so a client begins a new session (2025-11-25, transports)
            assert "send initialize again" in (await answer.last())["error"]["message"]
            again = at(other, Client(port=other.port))
            assert "result" in await again.open()
            assert await again.text("count") == "1"
            one.app.close()
            await until(lambda: bool(link.ended))

    asyncio.run(run())


def test_a_server_of_one_host_is_served_by_every_host() -> None:
    async def run() -> None:
        async with two(one=Hosting(commands={"t": trivial()}, one_host=True, away="set below")) as (one, other):
            one.hosting.away = f"http://127.0.0.1:{other.port}"
            client = await one.opened()
            assert [await here.text("count") for here in (client, at(other, client))] == ["1", "2"]
            answer = await (await Client(port=one.port).modern("tools/list")).last()
            assert answer["result"]["tools"]
            assert (one.hosting.started, other.hosting.started) == (0, 2)

    asyncio.run(run())


def test_hosts_reach_one_another_by_tls_of_their_own_authority(tmp_path: Path) -> None:
    authority = Authority.new()
    pair = authority.issue("127.0.0.1", tmp_path)

    async def run(authorities: str) -> int:
        async with AsyncExitStack() as stack:
            there, here = (stack.enter_context(reserved_port()) for _ in range(2))
            at_there = Peers(KEY, f"https://127.0.0.1:{there}", now=time.time)
            hidden = Forwarding(peers=at_there, tier=Tier.AIR_GAPPED)
            await stack.enter_async_context(
                serving(Hosting(commands={"t": trivial()}), port=there, tls=pair, forwarding=hidden)
            )
            at_here = Peers(KEY, f"http://127.0.0.1:{here}", now=time.time)
            made = Forwarding(peers=at_here, tier=Tier.AIR_GAPPED, authorities=authorities)
            stack.push_async_callback(made.close)
            hosting = Hosting(commands={"t": trivial()}, one_host=True, away=at_there.address)
            one = await stack.enter_async_context(serving(hosting, port=here, forwarding=made))
            client = one.client("t")
            answer = await client.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
            client.session = answer.headers.get("mcp-session-id", "")
            if answer.status == 200:
                await answer.last()
                assert await client.text("count") == "1"
            return answer.status

    assert asyncio.run(run(authority.pem.decode())) == 200
    assert asyncio.run(run(Authority.new().pem.decode())) == 503  # it is another one, so no host of ours


def test_hosts_with_another_key_share_no_session() -> None:
    async def run() -> None:
        async with two(keys=(KEY, KEY + "!")) as (one, other):
            client = await one.opened()
            answer = await at(other, client).begin("count")
            assert answer.status == 404

    asyncio.run(run())


@pytest.mark.requirement("HOST-013/sessions-go-on-at-every-host")
def test_the_caller_is_who_they_are_at_both_hosts_and_their_token_goes_no_further(
    place: tuple[Door, Issuer, Path],
) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with two(door) as (one, other):
            ada = await one.opened("t", **shown(issuer, "ada"))
            there = at(other, ada)
            assert await there.text("count") == "1"
            assert (await there.call("die"))["error"]["code"] == -32003  # her role forbids it, at the host of the session
            seen = json.loads(await there.text("environment"))
            assert ada.headers["authorization"].partition(" ")[2] not in json.dumps(seen)

            eve = at(other, ada)
            eve.headers = shown(issuer, "eve")
            assert (await eve.begin("count")).status == 404  # it is not hers
            eve.headers = {}
            assert (await eve.begin("count")).status == 401

    asyncio.run(run())


def test_no_one_vouches_but_a_host_with_the_key(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with two(door) as (one, other):
            client = await one.opened("t", **shown(issuer, "ada"))
            asked = {"method": "POST", "path": "/t/mcp", "query": "", "session": client.session}
            ada = Identity(issuer=issuer.url, tenant="", id="ada", scopes=frozenset(("read",)))
            to, name = f"http://127.0.0.1:{one.port}", VOUCHED.decode()
            peers = Peers(KEY, f"http://127.0.0.1:{other.port}", now=time.time)
            good = peers.vouch(ada, to=to, asked=asked)
            client.headers = {name: good}
            assert await client.text("count") == "1"
            for bad in (
                Peers(KEY + "!", "http://127.0.0.1:1", now=time.time).vouch(ada, to=to, asked=asked),
                peers.vouch(ada, to="http://127.0.0.1:1", asked=asked),
                peers.vouch(ada, to=to, asked=asked | {"path": "/s/mcp"}),
                peers.vouch(ada, to=to, asked=asked | {"session": "another"}),
                Peers(KEY, "http://127.0.0.1:1", now=lambda: time.time() - 60).vouch(ada, to=to, asked=asked),
                good[:-2],
                good + "x",
                "." + good,
                "",
                "x.y",
            ):
                client.headers = {name: bad}
                assert (await client.begin("count")).status == 401, bad

    asyncio.run(run())


def test_a_sealed_address_is_read_by_hosts_with_the_key_alone() -> None:
    one = Peers(KEY, "https://one.example:8430", now=time.time)
    assert one.elsewhere(one.sealed) == ""
    other = Peers(KEY, "https://other.example:8430", now=time.time)
    assert other.elsewhere(one.sealed) == "https://one.example:8430"
    again = Peers(KEY, "https://one.example:8430", now=time.time)
    assert again.elsewhere(one.sealed) == ""  # the same host before it was started again
    assert "example" not in one.sealed
    for changed in (one.sealed[:-1], "A" + one.sealed[1:], one.sealed + "A", "", "x" * 1000, "ä"):
        assert other.elsewhere(changed) == ""
    assert Peers(KEY + "!", "https://other.example:8430", now=time.time).elsewhere(one.sealed) == ""


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://host.example:8430", "not encrypted"),
        ("https://host.example:8430/path", "without a path"),
        ("https://" + "h" * 80, "at most 70"),
        ("host", "not a plain http URL"),
    ],
)
def test_an_address_that_is_not_good_is_refused(address: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_peer_address(address)


def test_a_key_that_is_too_short_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused, match="has 6 characters") as refused:
        Peers("secret", "https://one.example", now=time.time)
    assert "secret" not in str(refused.value).replace("the secret of", "")


def test_the_user_of_one_machine_is_not_the_user_of_another() -> None:
    peers = Peers(KEY, "https://one.example", now=time.time)
    asked = {"method": "POST", "path": "/t/mcp", "query": "", "session": ""}
    me = Identity(issuer=RESERVED, tenant="", id="nearby")
    shown = peers.vouch(me, to="https://one.example", asked=asked)
    made = Forwarding(peers=peers, tier=Tier.RESTRICTED)
    scope = {"method": "POST", "path": "/t/mcp", "client": ("192.0.2.7", 1)}
    with pytest.raises(Exception, match="is not the user of this one"):
        made.vouched(scope, {VOUCHED: shown.encode()})
    assert made.vouched(scope | {"client": ("127.0.0.1", 1)}, {VOUCHED: shown.encode()}) == me
    with pytest.raises(NotVouched):
        peers.vouched(shown, asked=asked | {"method": "GET"})
