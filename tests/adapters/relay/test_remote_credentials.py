"""Servers of other machines behind TLS of a site's own authority, and behind an issuer that gives us tokens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from services.host.hosting import Hosting
from services.host.remote.bearer import Bearers
from services.host.spec import Spec, checked
from tasks.server.client_credentials import ClientCredentials, Token, token_for
from tests.adapters.relay.talking import Here
from tests.adapters.relay.test_remote_rows import AMBER, POLICY, RED, Home
from tests.certificates import Authority
from tests.simulators.far_server import Far, far_server

pytestmark = pytest.mark.requirement("HOST-015/onboarding-by-a-row", "HOST-015/tokens-for-remote-servers")


@dataclass
class Secured(Home):
    """As `Home`, with more in the environment."""

    more: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self.more


def made(folder: Path, far: Far, more: dict[str, str]) -> Secured:
    home = Secured(folder, far, more)
    (folder / "far.yaml").write_text(POLICY.format(host=far.host))
    home.arcops("keys", "new")
    home.arcops("keys", "trust", str(folder / "home" / "keys" / "arcops.pub"))
    home.arcops("policy", "register", str(folder / "far.yaml"))
    return home


def test_a_certificate_of_the_sites_own_authority(tmp_path: Path) -> None:
    authority = Authority.new()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with far_server(token="Bearer of the row", tls=authority.issue("127.0.0.1", tmp_path)) as far:
        home = made(tmp_path, far, {"ARCOPS_HOST_AUTHORITIES": str(tmp_path / "ca.pem")})
        home.ready()

        async def work(here: Here, hosting: Hosting) -> None:
            client = await here.opened("far")
            assert json.loads(await client.text("echo", {"a": 1})) == {"a": 1}

        home.served(work)
        (tmp_path / "ca.pem").write_bytes(Authority.new().pem)  # it is of another authority now

        async def refused(here: Here, hosting: Hosting) -> None:
            answer = await here.client("far").open()
            assert "cannot be reached" in answer["error"]["message"]
            assert far.methods == before

        before = list(far.methods)
        home.served(refused)
        assert far.methods == before
        home.more = {}
        home.arcops("host", "gate", "far", expect=RED)
        assert far.methods == before


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority.new()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with far_server(token="Bearer of the row", tls=authority.issue("other.example", tmp_path)) as far:
        home = made(tmp_path, far, {"ARCOPS_HOST_AUTHORITIES": str(tmp_path / "ca.pem")})
        home.add("--secret", "AUTHORIZATION=env:FAR_TOKEN")
        home.allow()
        home.arcops("host", "gate", "far", expect=RED)
        assert far.methods == []


@pytest.fixture
def issued(tmp_path: Path) -> Iterator[Secured]:
    with far_server(token="Bearer no one has it yet", client=("arcops at site", "a secret: of ours")) as far:
        yield made(tmp_path, far, {"CLIENT_SECRET": "a secret: of ours"})


def options(far: Far) -> tuple[str, ...]:
    return (
        *("--env", f"OAUTH_TOKEN_URL={far.url('/token')}", "--env", "OAUTH_CLIENT_ID=arcops at site"),
        *("--env", "OAUTH_SCOPE=mcp:call", "--secret", "OAUTH_CLIENT_SECRET=env:CLIENT_SECRET"),
    )


def test_a_token_is_got_for_the_gate_and_for_calls_and_kept_until_it_ends(issued: Secured) -> None:
    far = issued.far
    issued.add(*options(far))
    issued.allow()
    assert "far may run" in issued.arcops("host", "gate", "far", expect=AMBER)
    gated = len(far.issued)
    assert far.issued[0] == {"grant_type": "client_credentials", "resource": far.url(), "scope": "mcp:call"}

    async def work(here: Here, hosting: Hosting) -> None:
        one, other = await here.opened("far", authorization="Bearer of a caller"), await here.opened("far")
        for client in (one, other, one):
            assert json.loads(await client.text("echo", {"a": 1})) == {"a": 1}
        assert len(far.issued) == gated + 1  # one for both sessions
        far.token = "Bearer it was taken back"
        assert "does not let us in" in (await one.call("echo"))["error"]["message"]
        assert json.loads(await one.text("echo", {"a": 2})) == {"a": 2}
        assert len(far.issued) == gated + 2
        for head in far.heads:
            shown = json.dumps(head)
            assert "of a caller" not in shown
            assert "a secret" not in shown
            assert "oauth" not in shown

    issued.served(work)
    for folder in ("store", "hosted"):
        for file in (issued.folder / "home" / folder).rglob("*"):
            assert not file.is_file() or b"issued-" not in file.read_bytes(), file


def test_an_issuer_that_gives_none_is_an_error_that_says_what_to_look_at(issued: Secured) -> None:
    issued.add(*options(issued.far))
    issued.allow()
    issued.far.client = ("arcops at site", "another secret")
    issued.arcops("host", "gate", "far", expect=RED)
    assert issued.far.methods == []


@pytest.mark.parametrize("wrong", [{"kind": "DPoP"}, {"lives": -1}])
def test_what_an_issuer_says_of_a_token(issued: Secured, wrong: dict[str, object]) -> None:
    of = credentials(issued.far)
    vars(issued.far).update(wrong)
    if "kind" in wrong:
        with pytest.raises(Unavailable, match="no bearer token"):
            token_for(of, tier=Tier.AIR_GAPPED, now=time.time())
    else:
        assert token_for(of, tier=Tier.AIR_GAPPED, now=time.time()).seconds == 40
    assert "a secret" not in repr(of)


def credentials(far: Far) -> ClientCredentials:
    return ClientCredentials(
        url=far.url("/token"), client="arcops at site", scope="", resource=far.url(), secret="a secret: of ours"
    )


def test_one_question_for_all_who_wait_and_another_when_the_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    now = [0.0]

    def token(of: ClientCredentials, *, tier: Tier, now: float) -> Token:
        asked.append(now)
        if len(asked) == 3:
            raise Unavailable("not now")
        return Token(text=f"t{len(asked)}", seconds=100.0)

    monkeypatch.setattr("services.host.remote.bearer.token_for", token)
    of = ClientCredentials(url="https://issuer.example", client="c", scope="", resource="r", secret="s")

    async def run() -> None:
        bearers = Bearers(tier=Tier.AIR_GAPPED, clock=lambda: now[0])
        one = bearers.of(of)
        assert set(await asyncio.gather(*(one.text() for _ in range(64)))) == {"t1"}
        now[0] = 99.0
        assert await one.text() == "t1"
        now[0] = 101.0
        assert await one.text() == "t2"
        one.refused()
        with pytest.raises(Unavailable, match="not now"):
            await one.text()
        assert await one.text() == "t4"
        assert len(asked) == 4

    asyncio.run(run())


URL, CLIENT, SECRET = "OAUTH_TOKEN_URL=https://i.example/t", "OAUTH_CLIENT_ID=c", "OAUTH_CLIENT_SECRET=env:S"


@pytest.mark.parametrize(
    ("environment", "secrets", "why"),
    [
        ((URL,), (SECRET,), "OAUTH_CLIENT_ID must be given too"),
        ((URL, CLIENT), (), "OAUTH_CLIENT_SECRET must be given too"),
        ((CLIENT,), (), "OAUTH_TOKEN_URL and OAUTH_CLIENT_SECRET"),
        ((URL, CLIENT, "OAUTH_CLIENT_SECRET=s"), (), "given with --secret"),
        ((CLIENT,), (SECRET, "OAUTH_TOKEN_URL=env:U"), "given with --env"),
        ((URL, CLIENT), (SECRET, "AUTHORIZATION=env:A"), "one credential"),
        (("OAUTH_TOKEN_URL=http://i.example/t", CLIENT), (SECRET,), "not encrypted"),
    ],
)
def test_what_is_not_whole_is_refused(environment: tuple[str, ...], secrets: tuple[str, ...], why: str) -> None:
    with pytest.raises(Refused, match=why):
        checked(Spec(package="remote:https://mcp.example/mcp", network="open", environment=environment, secrets=secrets))
