"""Runbooks and checklists in real Chromium: both themes, a phone's width, by keyboard, no other server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web.app import site
from capabilities.server.runbooks_running import HostRunbookNew, host_runbook_new
from tests.adapters.hosted_world import hosted_site
from tests.adapters.test_web_browser import World, watched
from tests.adapters.test_web_guiding import DEPLOY
from tests.browser import browser as browser
from tests.browser import served

pytestmark = [pytest.mark.requirement("HOST-008-012/pages-of-runbooks"), pytest.mark.site]
AXE = "axe.min.js"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    here = hosted_site(tmp_path_factory.mktemp("guided"))
    made = host_runbook_new(HostRunbookNew(name="deploy", role="platform-engineer", settings=DEPLOY), here)
    pages = {
        "list": "/runbooks",
        "form": "/runbook?name=rotate-keys",
        "wrong": "/runbook?name=rollback&role=sre&set-server=..%2Fx&set-to=1",
        "made": f"/runbook?id={made.id}",
        "checklist": "/checklist?name=made",
        "of one that is RED": "/checklist?name=poisoned",
        "of an odd one": "/checklist?name=odd",
    }
    with served(site(lambda: here)) as address:
        yield World(address=address, pages=pages)


def refuse_unsound(page: Page, width: int, name: str, shots: str) -> None:
    """It fits, and has nothing that a screen reader cannot tell."""
    if os.environ.get("ARCOPS_SHOTS"):  # for a person who looks at them
        page.screenshot(path=Path(os.environ["ARCOPS_SHOTS"]) / f"{shots}-{name}.png", full_page=True)
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate((files("axe_core_python") / AXE).read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run(document)).violations")
    assert not [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found], name


@pytest.mark.parametrize(("theme", "scripts", "width"), [("light", True, 1280), ("dark", False, 390), ("dark", True, 320)])
def test_each_page_is_sound_and_asks_no_one_else(world: World, browser: Browser, theme: str, scripts: bool, width: int) -> None:
    with watched(browser, theme=theme, scripts=scripts, width=width) as seen:
        for name, path in world.pages.items():
            answer = seen.page.goto(world.address + path)
            assert answer is not None
            assert answer.status == 200, name
            if scripts:
                refuse_unsound(seen.page, width, name, theme)
        assert not seen.complaints
        assert not seen.elsewhere(world)


def test_a_person_fills_in_a_runbook_by_keyboard(world: World, browser: Browser) -> None:
    with watched(browser, width=390) as seen:
        page = seen.page
        page.goto(f"{world.address}/runbook?name=rollback")
        page.get_by_label("Role", exact=True).focus()
        page.keyboard.type("sre")
        page.keyboard.press("Tab")
        page.keyboard.type("made")
        page.keyboard.press("Tab")
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        expect(page.get_by_text("arcops host rollback made --to 1")).to_be_visible()
        expect(page.get_by_text("arcops host runbook new rollback --role sre --set server=made --set to=1")).to_be_visible()
        expect(page.get_by_label("Role", exact=True)).to_have_value("sre")
        assert not seen.complaints
