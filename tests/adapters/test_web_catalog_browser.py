"""The pages of the catalog in real Chromium: both themes, a phone's width, by keyboard, no other server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.web.app import site
from foundation.login.person import MAY, PERSON, Person
from tests.adapters.catalog_world import MADE, catalog_site
from tests.adapters.test_web_browser import World, watched
from tests.browser import browser as browser
from tests.browser import served

pytestmark = [pytest.mark.requirement("HOST-OPS/pages-of-the-catalog"), pytest.mark.site]


def for_a_person(pages: ASGIApp) -> ASGIApp:
    """*pages*, which show a person what they may do there, if the address says so."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("query_string", b"").endswith(b"as=ada"):
            scope[MAY] = lambda tool, ask: ""
            scope[PERSON] = Person(name="Ada", id="ada", issuer="https://i", leave="/logout", form="0" * 64)
        await pages(scope, receive, send)

    return app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    here = catalog_site(tmp_path_factory.mktemp("catalog"))
    pages = {
        "list": "/catalog",
        "found": "/catalog?q=time",
        "nothing found": "/catalog?q=whales",
        "entry": f"/catalog/entry?name={MADE}",
        "refused": "/catalog/entry?name=io.example/old",
        "comparison": "/catalog/mcp-or-a2a",
        "agent": "/catalog/entry?name=com.example.agents/travel-planner",
        "hostile": "/catalog/entry?name=io.example/odd",
        "entry, for a person": f"/catalog/entry?name={MADE}&as=ada",
        "hostile, for a person": "/catalog/entry?name=io.example/odd&as=ada",
    }
    with served(for_a_person(site(lambda: here))) as address:
        yield World(address=address, pages=pages)


@pytest.mark.parametrize(("theme", "scripts", "width"), [("light", True, 1280), ("dark", False, 390), ("dark", True, 320)])
def test_each_page_is_sound_and_asks_no_one_else(world: World, browser: Browser, theme: str, scripts: bool, width: int) -> None:
    axe = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    with watched(browser, theme=theme, scripts=scripts, width=width) as seen:
        for name, path in world.pages.items():
            answer = seen.page.goto(world.address + path)
            assert answer is not None
            assert answer.status == 200, name
            expect(seen.page.locator("h1")).to_have_count(1)
            if not scripts:
                continue
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, name
            seen.page.evaluate(axe)
            found = seen.page.evaluate("async () => (await axe.run(document)).violations")
            assert not [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found], name
        assert not seen.complaints
        assert not seen.elsewhere(world)


def test_a_person_finds_an_entry_by_keyboard(world: World, browser: Browser) -> None:
    with watched(browser, width=390) as seen:
        page = seen.page
        page.goto(world.address + "/catalog")
        page.locator("#q").focus()
        page.keyboard.type("old clocks")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"q=old"))
        expect(page.locator("tbody tr")).to_have_count(1)
        for _ in range(25):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('tbody') !== null"):
                break
        page.keyboard.press("Enter")
        expect(page.get_by_text("it phones home").first).to_be_visible()
        expect(page.get_by_text("refused").first).to_be_visible()
        assert not seen.complaints
