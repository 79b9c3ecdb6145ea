"""The pages of hosted servers in real Chromium: both themes, a phone's width, by keyboard, no other server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, expect

from adapters.web.app import site
from tests.adapters.test_web_browser import World, watched
from tests.adapters.used_world import used_site
from tests.browser import browser as browser
from tests.browser import served

pytestmark = [pytest.mark.requirement("HOST-020/pages-say-why-a-server-may-run"), pytest.mark.site]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    here = used_site(tmp_path_factory.mktemp("hosted"))
    pages = {name: f"/server?name={name}" for name in ("made", "poisoned", "unjudged", "odd")}
    with served(site(lambda: here)) as address:
        yield World(
            address=address,
            pages={"list": "/servers", "figures": "/servers/figures", "nothing found": "/servers?q=nowhere", **pages},
        )


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
            seen.page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            seen.page.evaluate(axe)
            found = seen.page.evaluate("async () => (await axe.run(document)).violations")
            assert not [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found], name
        assert not seen.complaints
        assert not seen.elsewhere(world)


def test_a_person_finds_the_reason_by_keyboard(world: World, browser: Browser) -> None:
    with watched(browser, width=390) as seen:
        page = seen.page
        page.goto(world.address + "/servers")
        page.locator("#q").focus()
        page.keyboard.type("poisoned")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"q=poisoned"))
        expect(page.locator("tbody tr")).to_have_count(1)
        for _ in range(20):
            page.keyboard.press("Tab")
            name, ring = page.evaluate(
                """() => { const one = document.activeElement, style = getComputedStyle(one);
                    return [one.textContent.trim(), parseFloat(style.outlineWidth)]; }"""
            )
            assert ring >= 2, f"nothing shows that {name} has the focus"
            if name == "poisoned":
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("poisoned")
        expect(page.get_by_text("MAY NOT RUN").first).to_be_visible()
        expect(page.get_by_text("has a tag for a model").first).to_be_visible()
        assert not seen.complaints
