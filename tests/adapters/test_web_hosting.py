"""The pages of what hosted servers cost and how hosting does: sums without callers, and no number without a record."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from flows.place import Place
from tests.adapters.hosted_world import EVIL, hosted_site
from tests.adapters.used_world import USED, used_site

pytestmark = pytest.mark.requirement("HOST-KPI/figures-of-hosting", "HOST-026-028/costs-and-quotas")
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return used_site(tmp_path_factory.mktemp("hosted"))


@pytest.fixture
def web(here: Place) -> Iterator[TestClient]:
    with TestClient(site(lambda: here), follow_redirects=False) as client:
        yield client


def page(web: TestClient, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(answer.text).split())


def test_a_servers_page_shows_what_it_cost_and_how_it_is_used(web: TestClient) -> None:
    shown = page(web, f"/server?name={USED}")
    for words in (
        "Calls and costs",
        "0.000168 EUR",  # eight calls of echo
        "10 calls per month at this server, for each caller",
        "1000000 tokens per day at each server, for each caller",
        "1 caller used of these now; the most is 90 %",
        "1 stays over 80 %",
        "100 MiB at most",
        "give each process 63 MiB of memory",
        "1 (this one)",
        "320 millicores of CPU",
        "It wrote nothing here",
    ):
        assert words in shown, words
    assert EVIL not in web.get(f"/server?name={USED}").text, "what a server says is text"
    assert ">ann<" not in shown, "a reader of pages is not told who called"


def test_what_has_no_price_says_so(web: TestClient) -> None:
    shown = page(web, "/server?name=odd")
    assert "no price" in shown
    assert "17 estimated" in shown


def test_a_server_that_no_one_used_has_no_records_yet(web: TestClient) -> None:
    shown = page(web, "/server?name=unjudged")
    assert "No records yet: no tool of it was called" in shown
    assert "No records yet: it has not run here for long enough" in shown


def test_the_figures_have_values_targets_and_definitions(web: TestClient) -> None:
    shown = page(web, "/servers/figures")
    assert "JIT provisioning duration" in shown
    assert "As the target asks: < 60 s; 1 record" in shown
    assert "Not as the target asks: 100 %; 1 record" in shown  # the rollback that failed
    assert "no records yet" in shown
    assert "Composite workflows" in shown
    assert '<a href="/servers/figures">' in web.get("/servers").text
    told = {one["key"]: one for one in web.get("/servers/figures", headers=JSON).json()["figures"]}
    assert told["invocation-audit-coverage"]["said"] == "100 %"
    assert "met" not in told["feedback-resolution-time"] or told["feedback-resolution-time"]["met"] is None


def test_a_site_without_records_shows_no_number(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = hosted_site(tmp_path_factory.mktemp("empty"))
    with TestClient(site(lambda: empty), follow_redirects=False) as web:
        found = web.get("/servers/figures", headers=JSON).json()
    assert {one["said"] for one in found["figures"]} == {"no records yet"}
    assert {one["value"] for one in found["figures"]} == {""}
