"""Without an issuer of tokens, the server answers to the user who started it and to no other user of this machine."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from adapters.cli.serving import _mcp, _pages
from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound, bind
from adapters.http.metrics import Metrics
from adapters.http.opening import opening
from adapters.http.protocol import protocol
from adapters.http.serve import listen
from adapters.http.stored import StoreWatch
from adapters.mcp.client import call
from arcops.errors import Refused, Unavailable
from arcops.request import silent
from capabilities.policy.explain import Explain, explain_rule
from foundation.nearby import find, folder, forget, put
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.adapters.serving import Served, served
from tests.models import Bench, bench
from tests.waiting import until

pytestmark = [pytest.mark.requirement("ARC-3/callers-are-identified"), pytest.mark.xdist_group("opening")]

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("opening"))


@pytest.fixture(scope="module")
def site(here: Bench) -> Iterator[Served]:
    """The tools and the pages at one address, as ``arcops server`` puts them together, without the start of Prefect."""
    place = here.place()
    listening = listen("127.0.0.1", 0)
    bound = bind("127.0.0.1", listening.getsockname()[1], place.settings, certificate=None, key=None, behind_proxy=False)
    way_in = opening(bound, place.settings.cache, {})
    door = door_for(opening=way_in)
    own = DoorPart(routes=way_in.routes(), running=way_in.running())
    metrics = Metrics(StoreWatch(place.settings.store), lambda inner: door.for_readers(inner, bound.url))
    app = front([own, _mcp(place, bound, door), _pages(place, bound, door)], bound, metrics)
    with loopback(app, protocol(), lifespan="on", at=listening):
        yield Served(url=bound.url, cache=place.settings.cache)


def _file(server: Served, name: str) -> Path:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return folder(server.cache, host, int(port)) / name


def test_a_request_of_this_machine_without_the_secret_is_nobodys(site: Served) -> None:
    """This is all that a proxy sends that names no client."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    for given in ({}, {"authorization": "Bearer"}, {"authorization": "Bearer x"}, {"authorization": "Basic YTpi"}):
        assert httpx2.post(site.mcp, json=body, headers={**accept, **given}).status_code == 401
        for path in ("/", "/figures", "/metrics", "/artifacts/sha256:" + "0" * 64, "/nonsense"):
            assert httpx2.get(site.url + path, headers=given).status_code == 401
    for wrong in (site.secret["authorization"] + "x", site.secret["authorization"][:-1], site.secret["authorization"].lower()):
        assert httpx2.get(site.url + "/", headers={"authorization": wrong}).status_code == 401
    assert httpx2.get(f"{site.url}/?secret={site.secret['authorization'][7:]}").status_code == 401, "never in an address"
    assert site.get("/").status_code == 200
    assert site.get("/metrics").status_code == 200


def test_the_checks_that_were_there_hold_for_who_has_the_secret(site: Served) -> None:
    assert site.get("/", headers={"host": "evil.example"}).status_code == 421
    assert site.get("/", headers={"origin": "https://evil.example"}).status_code == 403
    for name in ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"):
        assert site.get("/", headers={name: "192.0.2.1"}).status_code == 403


def test_probes_answer_anybody(site: Served) -> None:
    assert httpx2.get(f"{site.url}/livez").status_code == 200
    assert httpx2.get(f"{site.url}/startupz").status_code == 200


def test_the_secret_lies_where_this_user_alone_reads_it(site: Served) -> None:
    for name in ("secret", "link"):
        assert stat.S_IMODE(_file(site, name).stat().st_mode) == 0o600
    assert stat.S_IMODE(_file(site, "").stat().st_mode) == 0o700
    assert len(_file(site, "secret").read_text().strip()) >= 43


def test_the_command_line_finds_it(site: Served, here: Bench, tmp_path: Path) -> None:
    def ask(url: str, cache: Bench) -> object:
        settings = cache.settings
        return call(
            url,
            explain_rule,
            Explain(name="integrity"),
            settings=settings,
            environment={},
            stop=threading.Event(),
            progress=silent,
        )

    assert ask(site.url, here)
    assert ask(site.url.replace("127.0.0.1", "localhost"), here)
    with pytest.raises(Unavailable):
        ask(site.url, bench(tmp_path))


class TestABrowser:
    def test_is_let_in_by_a_link_that_opens_once(self, site: Served) -> None:
        link = _file(site, "link").read_text().strip()
        with httpx2.Client(headers=HTML) as browser:
            assert "Sign in" in browser.get(site.url + "/").text
            assert browser.head(link).status_code == 401, "what looks ahead uses nothing up"
            opened = browser.get(link)
            cookie = opened.headers["set-cookie"]
            assert re.search(r"HttpOnly", cookie)
            assert re.search(r"SameSite=strict", cookie, re.IGNORECASE)
            assert browser.get(site.url + "/").status_code == 200
            assert browser.get(site.url + "/static/arcops.css").status_code == 200
        assert "was used" in httpx2.get(link, headers=HTML).text
        again = _file(site, "link").read_text().strip()
        assert again != link
        assert "set-cookie" in httpx2.get(again, headers=HTML).headers

    def test_is_let_in_by_typing_the_secret(self, site: Served) -> None:
        secret = _file(site, "secret").read_text().strip()
        assert "set-cookie" not in httpx2.post(f"{site.url}/open", data={"secret": secret + "x"}).headers
        assert (
            "set-cookie"
            not in httpx2.post(f"{site.url}/open", data={"secret": secret}, headers={"origin": "http://evil"}).headers
        )
        assert "set-cookie" not in httpx2.post(f"{site.url}/open", content=b"secret=" + b"x" * 100_000).headers
        assert "set-cookie" in httpx2.post(f"{site.url}/open", data={"secret": secret}).headers

    def test_its_cookie_is_for_looking_and_for_our_own_pages(self, site: Served) -> None:
        with httpx2.Client() as browser:
            browser.post(f"{site.url}/open", data={"secret": _file(site, "secret").read_text().strip()})
            assert browser.get(site.url + "/").status_code == 200
            for allowed, status in (("same-origin", 200), ("none", 200), ("same-site", 401), ("cross-site", 401), ("x", 401)):
                assert browser.get(site.url + "/", headers={"sec-fetch-site": allowed}).status_code == status
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            assert browser.post(site.mcp, json=body).status_code == 401, "a cookie calls no tool"
            (value,) = browser.cookies.values()
            assert httpx2.get(site.url + "/", headers={"authorization": f"Bearer {value}"}).status_code == 401


def test_a_secret_is_of_one_start_and_goes_with_the_server(tmp_path: Path) -> None:
    here = bench(tmp_path)
    with served("web", env=here.environment) as server:
        first = server.secret
        place = _file(server, "")
        assert first
        secret, link = ((place / name).read_text().strip() for name in ("secret", "link"))
        assert httpx2.get(link).status_code == 200
        until(lambda: [line for line in server.log if "/open" in line], "the line of the log")
    said = "\n".join(server.log)
    assert str(place) in said, "it says in which folder"
    assert secret not in said
    assert link not in said
    assert "once=" not in said
    assert list(place.iterdir()) == []
    with served("web", env=here.environment) as server:
        assert server.secret != first
        assert server.get("/metrics", headers=first).status_code == 401


def test_an_operators_own_secret_for_clients_whose_settings_are_fixed(tmp_path: Path) -> None:
    here = bench(tmp_path)
    own = tmp_path / "own"
    own.write_text("s" * 40 + "\n")
    own.chmod(0o600)
    with served("web", env={**here.environment, "ARCOPS_SECRET_FILE": str(own)}) as server:
        assert httpx2.get(f"{server.url}/metrics", headers={"authorization": "Bearer " + "s" * 40}).status_code == 200


@pytest.mark.parametrize(
    ("text", "mode"), [("s" * 40, 0o644), ("s" * 40, 0o640), ("short", 0o600), ("a b" * 20, 0o600), ("", 0o600)]
)
def test_a_secret_that_others_know_or_guess_is_refused(tmp_path: Path, text: str, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(Refused):
        opening(_bound(), tmp_path, {"ARCOPS_SECRET_FILE": str(file)})


def _bound(host: str = "127.0.0.1") -> Bound:
    return Bound(host=host, port=8420, url=f"http://{host}:8420", hosts=frozenset((f"{host}:8420",)))


def test_whatever_the_umask_the_secret_is_private(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir(mode=0o777)
    before = os.umask(0)
    try:
        place = put(tmp_path, "127.0.0.1", 8420, secret="s" * 40, link="l")
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_the_secret_goes_to_the_address_that_listens_and_to_no_other(tmp_path: Path) -> None:
    put(tmp_path, "127.0.0.1", 8420, secret="s" * 40, link="l")
    found = find(tmp_path, "http://localhost:8420/mcp")
    assert found is not None
    assert (found.host, found.port) == ("127.0.0.1", 8420), "the name may mean an address at which another user listens"
    for other in (
        "http://127.0.0.2:8420",
        "http://[::1]:8420",
        "http://127.0.0.1:8421",
        "http://evil.example:8420",
        "https://127.0.0.1",
    ):
        assert find(tmp_path, other) is None
    forget(tmp_path, "127.0.0.1", 8420, secret="another")
    assert find(tmp_path, "http://127.0.0.1:8420") is not None
    forget(tmp_path, "127.0.0.1", 8420, secret="s" * 40)
    assert find(tmp_path, "http://127.0.0.1:8420") is None


def test_a_guard_without_a_way_in_serves_no_one() -> None:
    """If other machines reach the server and no issuer is set, it asks for nothing that could be guessed."""
    answers: list[int] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def app(*_: object) -> None:
        raise AssertionError("served")

    guard = door_for().for_readers(app, "http://x/mcp")  # type: ignore[arg-type]  # it is not called
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("127.0.0.1", 1)}
    asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]  # what is sent is looked at above
    assert answers == [403]
