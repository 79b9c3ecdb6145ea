"""People log in and out in real Chromium, which has its own mind about cookies, origins, redirects and forms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from adapters.http.app import DoorPart, front
from adapters.http.bound import bind
from adapters.http.opening import opening
from adapters.http.protocol import protocol
from adapters.http.serve import listen
from tests.adapters.logging_in import fronted
from tests.adapters.loopback import loopback
from tests.browser import browser as browser
from tests.models import Bench, bench
from tests.simulators.provider import Provider, providing

pytestmark = [pytest.mark.requirement("BASE-2/people-log-in"), pytest.mark.site, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing(claims={"roles": ["arcops:read"]}) as one:
        yield one


def test_a_person_logs_in_by_looking_and_out_by_a_button(
    here: Bench, provider: Provider, browser: Browser, tmp_path: Path
) -> None:
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    told = {"ARCOPS_DATABASE": f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"}
    site = fronted(here, provider, time.time, url=url, environment=told)
    with loopback(site.app, protocol(), lifespan="on", at=listening), browser.new_context() as person:
        page = person.new_page()
        page.goto(f"{url}/artifacts")
        assert page.url == f"{url}/artifacts"
        expect(page.get_by_text("Ada Lovelace")).to_be_visible()
        page.get_by_role("link", name="Figures").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{url}/logout")
        expect(page.get_by_role("heading", name="Logged out")).to_be_visible()
        assert [one["name"] for one in person.cookies()] == []
        assert any(one.startswith("/end?") for one in provider.asked)


def test_the_user_of_this_machine_types_the_secret(here: Bench, browser: Browser) -> None:
    listening = listen("127.0.0.1", 0)
    place = here.place()
    bound = bind("127.0.0.1", listening.getsockname()[1], place.settings, certificate=None, key=None, behind_proxy=False)
    way_in = opening(bound, place.settings.cache, {})
    with (
        loopback(front([DoorPart(routes=way_in.routes())], bound), protocol(), at=listening),
        browser.new_context() as person,
    ):
        page = person.new_page()
        page.goto(f"{bound.url}/open")
        page.get_by_label("Secret").fill(way_in.secret)
        page.get_by_role("button", name="Open").click()
        page.wait_for_url(f"{bound.url}/")
        assert len(person.cookies()) == 1
