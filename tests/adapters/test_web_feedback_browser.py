"""Feedback in real Chromium, by a person who is logged in: by keyboard, in both themes, on a phone, for a screen reader."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.http.protocol import protocol
from adapters.http.serve import listen
from tests.adapters.logging_in import fronted
from tests.adapters.loopback import loopback
from tests.adapters.test_web_browser import watched
from tests.adapters.test_web_guiding_browser import refuse_unsound
from tests.browser import browser as browser
from tests.models import Bench, bench
from tests.simulators.provider import Provider, providing

pytestmark = [
    pytest.mark.requirement("HOST-008-012/feedback-on-the-pages"),
    pytest.mark.site,
    pytest.mark.xdist_group("browser"),
]
ANSWERER = {"roles": ["arcops:read", "arcops:check", "arcops:trust"]}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("feedback"))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing(claims=ANSWERER) as one:
        yield one


def tab_to(page: Page, name: str) -> None:
    """Tab until what has this name has the focus, which shows."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found, ring = page.evaluate(
            """() => { const one = document.activeElement;
                const named = (one.labels && one.labels.length ? one.labels[0] : one).textContent.trim();
                return [named, parseFloat(getComputedStyle(one).outlineWidth)]; }"""
        )
        assert ring >= 2, f"nothing shows that {found} has the focus"
        if found == name:
            return
    pytest.fail(f"nothing named {name!r} can be reached with the keyboard")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_a_person_says_something_and_answers_by_keyboard(
    here: Bench, provider: Provider, browser: Browser, tmp_path: Path, theme: str, width: int
) -> None:
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    told = {"ARCOPS_DATABASE": f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"}
    site = fronted(here, provider, time.time, url=url, environment=told, trust=True)
    with loopback(site.app, protocol(), lifespan="on", at=listening), watched(browser, theme=theme, width=width) as seen:
        page = seen.page
        page.goto(f"{url}/servers")
        tab_to(page, "Feedback about this page")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Feedback about page:/servers")
        refuse_unsound(page, width, "feedback-empty", theme)
        page.goto(page.url)
        tab_to(page, "What is wrong, missing or good")
        page.keyboard.type("the table is too wide")
        page.keyboard.press("Enter")
        page.keyboard.type("on my phone")
        tab_to(page, "Send")
        page.keyboard.press("Enter")
        said = page.get_by_role("article")
        expect(said).to_contain_text("open page:/servers")
        expect(said).to_contain_text("on my phone")
        refuse_unsound(page, width, "feedback-open", theme)
        page.goto(page.url)
        tab_to(page, "It is")
        page.keyboard.type("done")
        tab_to(page, "Your answer")
        page.keyboard.type("it scrolls by itself now")
        page.keyboard.press("Enter")
        expect(said).to_contain_text("done page:/servers")
        expect(said).to_contain_text("it scrolls by itself now")
        expect(page.get_by_role("button", name="Answer")).to_have_count(0)
        refuse_unsound(page, width, "feedback-done", theme)
        assert not seen.complaints
