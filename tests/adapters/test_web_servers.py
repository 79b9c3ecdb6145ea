"""The pages of hosted servers: what they show and never hide, in HTML and JSON, and that the tools for agents say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from artifacts.wire import to_json
from capabilities.server.explaining import HostDescribe, host_describe
from capabilities.server.looking import HostFind, host_find
from flows.place import Place
from tests.adapters.hosted_world import EVIL, hosted_site

pytestmark = pytest.mark.requirement("HOST-020/pages-say-why-a-server-may-run")
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return hosted_site(tmp_path_factory.mktemp("hosted"))


@pytest.fixture
def web(here: Place) -> Iterator[TestClient]:
    with TestClient(site(lambda: here), follow_redirects=False) as client:
        yield client


def page(web: TestClient, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(answer.text).split())


def test_the_list_says_of_each_server_whether_it_may_run(web: TestClient, here: Place) -> None:
    shown = page(web, "/servers")
    assert "4 servers; 1 may run" in shown
    assert shown.count("MAY NOT RUN") == 3
    assert shown.count(">GREEN<") == 1
    assert "just now" in shown
    (made,) = (one for one in host_find(HostFind(), here).servers if one.name == "made")
    assert f"/artifacts/{made.artifact}" in shown
    assert "its verdict is RED" in shown
    assert "its package was not resolved" in shown
    assert "<script>" not in web.get("/servers").text.split("</head>")[1]
    assert EVIL not in shown


def test_a_search_finds_by_name_package_and_owner(web: TestClient) -> None:
    assert "1 server; 0 may run" in page(web, "/servers?q=acme")
    assert "Nothing matches" in page(web, "/servers?q=no-such-thing")
    assert web.get("/servers", params={"q": "x" * 400}).status_code == 400


def test_one_that_may_run_shows_its_verdict_lock_tools_and_walls(web: TestClient, here: Place) -> None:
    found = host_describe(HostDescribe(name="made"), here)
    shown = page(web, "/server?name=made")
    assert "Why it may run" in shown
    assert found.server is not None
    for word in (found.artifact, found.server.digest, "made-server==1.0", "allowed by policy mirrored", "valid until"):
        assert word in shown
    (echo,) = found.offers
    assert (echo.kind, echo.name) == ("tool", "echo")
    assert echo.digest in shown
    assert found.profile is not None
    assert (found.profile.network, found.profile.reads, found.profile.writes) == ("none", (), ())
    assert "arcops host status made" in shown
    assert "MAY NOT RUN" not in shown


def test_one_that_is_red_shows_the_rule_and_what_to_do(web: TestClient) -> None:
    shown = page(web, "/server?name=poisoned")
    for word in ("MAY NOT RUN", "server-tools/plain", "a tag for a model", "Next commands", "arcops host gate poisoned"):
        assert word in shown
    assert "arcops host allow" not in shown


def test_one_that_no_one_judged_says_what_is_missing(web: TestClient) -> None:
    shown = page(web, "/server?name=odd")
    for word in ("its package was not resolved", "arcops host resolve odd", "every address", "TOKEN", "MODE", "No list of"):
        assert word in shown
    for secret in ("the-secret-itself", "hush-hush"):
        assert secret not in shown
    assert "<script>alert" not in web.get("/server?name=odd").text


def test_json_and_the_tools_of_agents_say_the_same(web: TestClient, here: Place) -> None:
    told: Any = web.get("/server?name=poisoned", headers=JSON).json()
    assert told == {**_plain(host_describe(HostDescribe(name="poisoned"), here)), "signature": told["signature"]}
    assert told["mayRun"] is False
    assert told["signature"]["standing"] == "verified"
    assert [one["name"] for one in web.get("/servers", headers=JSON).json()["servers"]] == [
        "made",
        "odd",
        "poisoned",
        "unjudged",
    ]


def _plain(value: object) -> dict[str, Any]:
    found = to_json(value)
    assert isinstance(found, dict)
    return dict(found)


@pytest.mark.parametrize("path", ["/server?name=nothing", "/server?name=..%2F..", f"/server?name={'x' * 200}"])
def test_a_server_that_is_not_there_has_no_page(web: TestClient, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 404
    assert "There is no such server" in answer.text
    assert web.get("/server").status_code == 400


def test_an_expired_verdict_and_an_untrusted_signer_are_never_shown_as_good(here: Place) -> None:
    later = replace(here, now=lambda: here.now() + timedelta(days=30))
    with TestClient(site(lambda: later)) as web:
        assert "4 servers; 0 may run" in page(web, "/servers")
        shown = page(web, "/server?name=made")
        assert "its verdict was valid until" in shown
        assert "MAY NOT RUN" in shown
    empty = replace(here, settings=replace(here.settings, trust=here.settings.trust / "nothing"))
    with TestClient(site(lambda: empty)) as web:
        shown = page(web, "/server?name=made")
        assert "NOT VERIFIED" in shown
        assert "badge good" not in shown


def test_without_any_server_it_says_how_to_add_one(tmp_path: Path, here: Place) -> None:
    nothing = replace(here, settings=replace(here.settings, database=f"sqlite:///{tmp_path}/none.db"))
    with TestClient(site(lambda: nothing)) as web:
        assert "No server is hosted here yet" in page(web, "/servers")
