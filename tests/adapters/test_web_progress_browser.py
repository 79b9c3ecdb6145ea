"""The page of a server while a version is made ready, in real Chromium: it goes on by itself, and says each step once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web.app import site
from arcops.errors import Refused
from capabilities.server.patches_told import keep_proposal
from capabilities.server.patching import Proposed
from flows.place import Place
from foundation.database.engine import Database
from foundation.database.opening import opened
from services.host.rows import Rows
from services.host.updating.progress import Progress, Step
from tests.adapters.hosted_world import hosted_site
from tests.adapters.test_web_browser import World, watched
from tests.browser import browser as browser
from tests.browser import served

pytestmark = [pytest.mark.requirement("HOST-001-004/progress-is-shown", "HOST-001-004/patches-are-told"), pytest.mark.site]

STATUS = "[data-from] [role=status]"
SAID = """() => { window.said = [];
  new MutationObserver(() => window.said.push(document.querySelector('[data-from] [role=status]').textContent))
    .observe(document.querySelector('[data-from] [role=status]'), {childList: true, characterData: true, subtree: true}); }"""


@dataclass
class Hosted:
    """A site whose server ``made`` is changed, and its pages."""

    at: Place
    world: World
    database: Database

    @property
    def page(self) -> str:
        return f"{self.world.address}/server?name=made"


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    here = hosted_site(tmp_path_factory.mktemp("changing"))
    with served(site(lambda: here)) as address, opened(here.settings) as database:
        yield Hosted(at=here, world=World(address=address, pages={}), database=database)


@contextmanager
def at_the_gate(hosted: Hosted) -> Iterator[Progress]:
    """Version 2 of ``made`` is being judged meanwhile."""
    progress = Progress(hosted.database, "made")
    with progress.towards(2):
        for step in (Step.RESOLVE, Step.INSTALL, Step.GATE):
            progress.begin(step)
        yield progress


def how(page: Page) -> list[str]:
    return [one.split(",")[0] for one in page.locator(".steps .how").all_inner_texts()]


def test_the_page_goes_on_by_itself_and_says_each_step_once(hosted: Hosted, browser: Browser) -> None:
    with watched(browser, width=390) as seen:
        page = seen.page
        status = page.locator(STATUS)
        with at_the_gate(hosted) as progress:
            page.goto(hosted.page)
            expect(status).to_have_text("Version 2 is under way: gate, step 3 of 6.")
            assert how(page) == ["done", "done", "under way", "not yet", "not yet", "not yet"]
            page.evaluate(SAID)
            first = page.locator(".steps .how").nth(2).inner_text()
            expect(page.locator(".steps .how").nth(2)).not_to_have_text(first)  # the seconds go on
            progress.begin(Step.START)
            expect(status).to_have_text("Version 2 is under way: start, step 4 of 6.")
            assert page.evaluate("window.said") == ["Version 2 is under way: start, step 4 of 6."], "seconds are not said"
        expect(status).to_contain_text("Version 2 became ready in")
        expect(page.get_by_role("link", name="Load the page again")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not seen.complaints
        assert not seen.elsewhere(hosted.world)


def test_without_scripts_the_page_loads_itself_again(hosted: Hosted, browser: Browser) -> None:
    with watched(browser, scripts=False) as seen, at_the_gate(hosted):
        seen.page.goto(hosted.page)
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in seen.page.content()
        expect(seen.page.locator(STATUS)).to_contain_text("gate")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_what_failed_and_what_is_proposed_are_sound_for_everyone(
    hosted: Hosted, browser: Browser, theme: str, width: int, tmp_path: Path
) -> None:
    row = Rows(hosted.database).there("made")
    one = Proposed(
        name="made",
        known="DSA-9 covers pkg:deb/debian/libc6@2.41-12: CVSS 9.8.",
        version=2,
        verdict="GREEN",
        fixes=("DSA-9 in pkg:deb/debian/libc6@2.41-12?distro=debian-13&upstream=glibc: fixed in 2.41-13",),
        base="registry.example/debian:trixie-slim@sha256:" + "1" * 64,
        newer_base="sha256:" + "2" * 64,
    )
    keep_proposal(hosted.at, row, one)
    with pytest.raises(Refused), at_the_gate(hosted):
        raise Refused("its verdict is RED: " + "a-very-long-word-" * 20)
    axe = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    with watched(browser, theme=theme, width=width) as seen:
        page = seen.page
        page.goto(hosted.page)
        expect(page.locator(STATUS)).to_have_text("Version 2 did not become ready: gate failed.")
        expect(page.get_by_role("heading", name="What is proposed")).to_be_visible()
        expect(page.get_by_text("arcops host switch made --to 2")).to_be_visible()
        page.screenshot(path=str(tmp_path / f"{theme}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(axe)
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert not [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]
        assert not seen.complaints
