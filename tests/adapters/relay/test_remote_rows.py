"""A row that names a server of another machine, from its addition to a call; and the server changes, goes and comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capabilities.server.running import hosting_here
from flows.place import Place
from foundation.settings import read_settings
from services.host.hosting import Hosting
from tests.adapters.relay.talking import Here, serving
from tests.adapters.typed import typed
from tests.simulators.far_server import ECHO, Far, far_server

pytestmark = pytest.mark.requirement("HOST-015/onboarding-by-a-row", "HOST-020/only-green-servers-start")
GOOD, REFUSED, RED, AMBER = 0, 2, 3, 4
POLICY = """\
name: far
description: Servers of one host of the test.
validFor: P7D
amberPasses: true
gates:
  server-origin: {{remotes: ["{host}"]}}
  server-tools: {{}}
"""


class Real:
    """The host as the tests' relay wants it: it is closed by the one who made it."""

    def __init__(self, hosting: Hosting) -> None:
        self._hosting, self.links = hosting, dict[Any, Any]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hosting, name)

    def close(self) -> None:
        pass


@asynccontextmanager
async def host_of(environment: dict[str, str]) -> AsyncIterator[Hosting]:
    """The host of a home, while it runs."""
    place = Place(
        settings=read_settings(environment),
        now=lambda: datetime.now(UTC),
        signer=lambda: pytest.fail("a host signs nothing"),
        secret=lambda path: "",
        own=True,
    )
    here = hosting_here(place, environment)
    try:
        async with here.hosting.running():
            yield here.hosting
    finally:
        here.close()


@dataclass
class Home:
    """A home, one policy of which names the host of *far*."""

    folder: Path
    far: Far
    policy: str = field(default="far", kw_only=True)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ARCOPS_HOME": str(self.folder / "home"),
            "ARCOPS_PASSPHRASE": "of a test",
            "ARCOPS_HOST_POLICY": self.policy,
            "FAR_TOKEN": "Bearer of the row",
        }

    def arcops(self, *line: str, expect: int = GOOD) -> str:
        done = typed(*line, environment=self.environment)
        assert done.returncode == expect, done.stderr + done.stdout
        return done.stdout + done.stderr

    def add(self, *more: str, package: str = "", expect: int = GOOD) -> str:
        package = package or f"remote:{self.far.url()}"
        network = () if "--network" in more else ("--network", "open")
        return self.arcops("host", "add", "far", "--package", package, *network, *more, expect=expect)

    def digest(self) -> str:
        return str(json.loads(self.arcops("host", "resolve", "far", "--format", "json"))["digest"])

    def allow(self) -> None:
        self.arcops("host", "allow", "far", self.digest())

    def ready(self, *more: str, package: str = "") -> None:
        """The row is there, is allowed, and was judged well."""
        self.add("--secret", "AUTHORIZATION=env:FAR_TOKEN", *more, package=package)
        self.allow()
        assert "far may run" in self.arcops("host", "gate", "far", expect=AMBER)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[Here, Hosting]]:
        async with host_of(self.environment) as hosting, serving(Real(hosting)) as found:  # type: ignore[arg-type]  # as it is asked
            yield found, hosting

    def served(self, work: Callable[[Here, Hosting], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with self.serving() as (here, hosting):
                await work(here, hosting)

        asyncio.run(whole())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with far_server(token="Bearer of the row") as far:  # of a test
        made = Home(tmp_path, far)
        (tmp_path / "far.yaml").write_text(POLICY.format(host=far.host))
        made.arcops("keys", "new")
        made.arcops("keys", "trust", str(tmp_path / "home" / "keys" / "arcops.pub"))
        made.arcops("policy", "register", str(tmp_path / "far.yaml"))
        yield made


def test_a_row_its_verdict_a_call_and_another_definition(home: Home) -> None:
    assert "No one allowed remote:http://127.0.0.1:" in _gated_before_it_is_allowed(home)
    home.allow()
    told = home.arcops("host", "gate", "far", expect=AMBER)
    assert "far may run" in told
    assert f"It runs at {home.far.host}, which the policy names" in home.arcops("host", "explain", "far", expect=AMBER)
    before = len(home.far.heads)

    async def work(here: Here, hosting: Hosting) -> None:
        client = await here.opened("far", cookie="of=the-caller", **{"x-of-the-caller": "caller"})
        assert json.loads(await client.text("echo", {"a": 1})) == {"a": 1}
        sent = home.far.heads[before:]
        assert sent
        assert all(one["authorization"] == "Bearer of the row" for one in sent)
        assert "caller" not in json.dumps(sent)
        shown = hosting.shown("far")
        assert shown is not None
        assert (shown.state.value, shown.pids) == ("Running", ())

        home.far.tools = [{**ECHO, "description": "Says it to others."}]
        answer = await (await client.request("tools/list", {})).last()
        assert "otherwise than when it was judged" in json.dumps(answer)
        assert "Says it to others." not in json.dumps(answer)
        again = await here.client("far").open()
        assert "its operator runs 'arcops host gate far' again" in json.dumps(again)
        assert not hosting._servers["far"].running

    home.served(work)
    assert "defines the tool 'echo' otherwise" in home.arcops("host", "explain", "far", expect=RED)
    assert "is defined otherwise than before" in home.arcops("host", "gate", "far", expect=RED)


def _gated_before_it_is_allowed(home: Home) -> str:
    home.add("--secret", "AUTHORIZATION=env:FAR_TOKEN")
    told = home.arcops("host", "gate", "far", expect=RED)
    assert not home.far.methods, "one that is not allowed is not asked"
    return told


def test_one_that_is_gone_is_an_error_and_is_served_when_it_is_back(home: Home) -> None:
    home.ready("--stateless")

    async def work(here: Here, hosting: Hosting) -> None:
        client = await here.opened("far")
        await asyncio.to_thread(home.far.down)
        assert "cannot be reached" in json.dumps(await client.call("echo", {"a": 1}))
        shown = hosting.shown("far")
        assert shown is not None
        assert "cannot be reached" in shown.reason
        home.far.up()
        client = await here.opened("far")
        assert json.loads(await client.text("echo", {"a": 2})) == {"a": 2}

    home.served(work)


def test_one_that_lets_us_not_in_any_more_says_what_to_do(home: Home) -> None:
    home.ready()
    home.far.token = "Bearer of tomorrow"  # of a test

    async def work(here: Here, hosting: Hosting) -> None:
        answer = json.dumps(await here.client("far").open())
        assert "(401): give its credential with --secret AUTHORIZATION=REFERENCE" in answer
        assert "of the row" not in answer

    home.served(work)


def test_one_over_the_older_transport_is_judged_and_served(home: Home) -> None:
    home.far.over = "sse"
    home.far.token = ""
    home.ready(package=f"sse:{home.far.url('/sse')}")

    async def work(here: Here, hosting: Hosting) -> None:
        client = await here.opened("far")
        assert json.loads(await client.text("echo", {"a": 1})) == {"a": 1}

    home.served(work)


def test_another_address_is_another_lock_that_no_one_allowed(home: Home) -> None:
    home.ready()
    before = home.digest()
    home.add("--secret", "AUTHORIZATION=env:FAR_TOKEN", package=f"remote:{home.far.url('/other')}")
    assert home.digest() != before
    assert "No one allowed" in home.arcops("host", "gate", "far", expect=RED)


def test_another_header_needs_another_verdict(home: Home) -> None:
    home.ready()
    home.add("--secret", "AUTHORIZATION=env:FAR_TOKEN", "--env", "X_TEAM=blue")
    home.digest()
    assert "it was not judged as its row is now" in home.arcops("host", "status", "far")


@pytest.mark.parametrize(
    ("package", "more", "why"),
    [
        ("remote:https://mcp.example/mcp", (), "the tier air-gapped does not reach"),
        ("sse:https://mcp.example/sse", (), "the tier air-gapped does not reach"),
        ("remote:http://mcp.example/mcp", (), "is not encrypted"),
        ("remote:https://ann:hunter2@mcp.example/mcp", (), "not a plain http URL"),
        ("remote:mcp.example", (), "not a plain http URL"),
        ("", ("--network", "none"), "say --network open"),
        ("", ("--command", "x"), "--command is for a server that is started here"),
        ("", ("--arg", "x"), "--arg is for a server that is started here"),
        ("", ("--read", "/srv/x"), "--read is for a server that is started here"),
        ("", ("--env", "AUTHORIZATION=Bearer x"), "give it with --secret"),
        ("", ("--env", "COOKIE=x"), "not a header that a row may give"),
        ("", ("--secret", "MCP_SESSION_ID=env:X"), "not a header that a row may give"),
        ("", ("--env", "X_A=1", "--env", "x_a=2"), "given twice"),
    ],
)
def test_what_cannot_be_such_a_row_is_refused(home: Home, package: str, more: tuple[str, ...], why: str) -> None:
    told = home.add(*more, package=package, expect=REFUSED)
    assert why in told
    assert "hunter2" not in told


def test_a_row_of_another_tier_is_refused_when_it_is_judged(home: Home) -> None:
    home.add("--tier", "restricted", package="remote:https://mcp.example/mcp")
    home.arcops("host", "resolve", "far", "--tier", "restricted")
    told = home.arcops("host", "gate", "far", expect=REFUSED)
    assert "the tier air-gapped does not reach; set ARCOPS_TIER=restricted" in told


def test_no_mirror_has_one_and_says_so(home: Home) -> None:
    servers = home.folder / "servers.yaml"
    servers.write_text('servers: [{name: far, spec: {package: "remote:https://mcp.example/mcp", network: open}}]\n')
    told = home.arcops(
        *("host", "mirror", "make", str(servers), "-o", str(home.folder / "x.tar"), "--tier", "restricted"), expect=REFUSED
    )
    assert "far is a server of another machine, of which there is nothing to mirror" in told
