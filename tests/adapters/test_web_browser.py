"""The evidence pages in real Chromium: with and without scripts, in both themes, on paper, by keyboard, and no other server."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web.app import site
from arcops.evidence import Cause, Missing
from arcops.finding import Outcome
from artifacts.private_key import create
from capabilities.network.drift import DiffNetwork, diff_network
from tests.browser import PATIENCE_MS, served
from tests.browser import browser as browser
from tests.kept import checkpoint, finding, keep, report, result
from tests.manifests import POLICIES, changed, shop
from tests.models import CLOCK, Bench, bench, good_model

pytestmark = [pytest.mark.requirement("ARC-D3/pages-are-safe-and-usable"), pytest.mark.site]

LONG = "a-very-long-name-" * 17
EVIL = '<script>document.title="owned"</script><img src="http://evil.example/x.png" onerror=alert(1)>\u202egnp.exe'


@dataclass(frozen=True, kw_only=True)
class World:
    """A served store with artifacts of every state, and the paths of its pages by name."""

    address: str
    pages: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    here = bench(tmp_path_factory.mktemp("pages"))
    model = good_model(here)
    green = here.check(model).artifact
    south = replace(here, settings=replace(here.settings, site="south")).check(model).artifact
    waived = result("licence", finding("licence/allowed", Outcome.WARN, "Allowed with a notice.", fix="Ship the notice."))
    gone = Missing(kind="trivy", collector="tasks.trivy.look", cause=Cause.DEADLINE, reason="no answer in 120 s")
    amber = keep(here, report(LONG, waived, missing=[gone], at=CLOCK - timedelta(days=9)))
    bad = result("g", finding("g/a", Outcome.FAIL, EVIL, about=EVIL))
    evil = keep(here, report(EVIL, bad), signer=create())
    network = _judged_network(here, tmp_path_factory.mktemp("shop"))
    (model / "config.json").write_text('{"model_type": "other"}')
    red = here.check(model, now=CLOCK + timedelta(hours=1))
    checkpoint(here)
    tree = next(one for one in red.report.evidence if one.kind == "tree").digest
    pages = {
        "subjects": "/",
        "subject": "/subject?name=tiny&kind=model",
        "list": "/artifacts",
        "nothing found": "/?q=nowhere",
        "green": f"/artifacts/{green}",
        "red": f"/artifacts/{red.artifact}",
        "expired amber": f"/artifacts/{amber}",
        "unverified": f"/artifacts/{evil}",
        "evidence": f"/evidence/{tree}?of={red.artifact}",
        "compare": f"/compare?a={green}&b={red.artifact}",
        "sites": f"/compare?a={green}&b={south}",
        "ask for two": "/compare",
        "figures": "/figures",
        "network": f"/artifacts/{network}",
    }
    with served(site(lambda: here.place(now=CLOCK + timedelta(hours=2)))) as address:
        yield World(address=address, pages=pages)


def _judged_network(here: Bench, folder: Path) -> str:
    """An artifact about drift, whose page has two maps."""
    wide = changed(POLICIES, "from: [{podSelector: {matchLabels: {app: web}}}]\n      ports: [{port: postgres}]", "from: []")
    folders = shop(folder / "declared"), shop(folder / "live", policies=wide)
    return diff_network(DiffNetwork(declared=folders[0], live=folders[1]), here.place()).artifact


@dataclass(kw_only=True)
class Watched:
    """A page, with everything that it asked for and complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def elsewhere(self, world: World) -> list[str]:
        return [url for url in self.asked if not url.startswith(f"{world.address}/") and not url.startswith("data:")]


@contextmanager
def watched(browser: Browser, *, theme: str = "light", scripts: bool = True, width: int = 1280) -> Iterator[Watched]:
    context = browser.new_context(
        color_scheme=theme,  # type: ignore[arg-type]  # the tests say light or dark
        java_script_enabled=scripts,
        viewport={"width": width, "height": 900},
    )
    try:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        seen = Watched(page=page)
        context.on("request", lambda request: seen.asked.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        yield seen
    finally:
        context.close()


@pytest.mark.parametrize(("theme", "scripts"), [("light", True), ("dark", False)])
def test_no_page_asks_elsewhere_or_complains(world: World, browser: Browser, theme: str, scripts: bool) -> None:
    with watched(browser, theme=theme, scripts=scripts) as seen:
        for name, path in world.pages.items():
            answer = seen.page.goto(world.address + path)
            assert answer is not None
            assert answer.status == 200, name
            expect(seen.page.locator("h1")).to_have_count(1)
        assert not seen.complaints
        assert not seen.elsewhere(world)
        assert "/static/arcops.css" in {urlsplit(url).path for url in seen.asked}


def test_what_others_wrote_runs_nothing(world: World, browser: Browser) -> None:
    with watched(browser) as seen:
        seen.page.goto(world.address + world.pages["unverified"])
        expect(seen.page.get_by_role("heading", level=1)).to_contain_text('<script>document.title="owned"</script>')
        expect(seen.page.get_by_role("heading", level=1)).to_contain_text("\\u202egnp.exe")
        assert "owned" not in seen.page.title().split(":")[0]
        assert seen.page.title().startswith("NOT VERIFIED")
        assert seen.page.locator("main img").count() == 0
        assert not seen.elsewhere(world)


def test_the_policy_of_the_pages_is_enforced(world: World, browser: Browser) -> None:
    """A mutation: the same browser blocks what a page of ours would do if somebody got markup into it."""
    with watched(browser) as seen:
        seen.page.goto(world.address + "/")
        seen.page.evaluate(
            """() => {
                const made = (name) => document.body.appendChild(document.createElement(name));
                made("img").src = "http://evil.example/x.png";
                made("script").textContent = "document.title = 'owned'";
                made("p").setAttribute("style", "position:fixed");
            }"""
        )
        expect(seen.page.locator("body > img")).to_have_count(1)
        assert seen.page.title() != "owned"
        assert len([text for text in seen.complaints if "Content Security Policy" in text]) >= 3


@pytest.mark.requirement("ARC-D3/the-network-is-drawn")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_network_is_drawn_on_its_page_and_by_itself(world: World, browser: Browser, theme: str) -> None:
    with watched(browser, theme=theme, scripts=False) as seen:
        page = seen.page
        page.goto(world.address + world.pages["network"])
        maps = page.locator(".map img")
        expect(maps).to_have_count(2)
        for picture in maps.all():
            assert picture.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 1120
        page.locator(".map a").last.click()
        expect(page.locator("svg > title")).to_contain_text("What may talk to what in live")
        back = page.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
        assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[theme], "its style is let through"
        assert not seen.complaints
        assert not seen.elsewhere(world)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(world: World, browser: Browser, theme: str) -> None:
    axe = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    with watched(browser, theme=theme) as seen:
        for name, path in world.pages.items():
            if theme == "dark" and name in ("nothing found", "green", "sites", "ask for two", "list"):
                continue  # made of the same parts as others, and seen in the light theme
            seen.page.goto(world.address + path)
            seen.page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            seen.page.evaluate(axe)
            found = seen.page.evaluate("async () => (await axe.run(document)).violations")
            told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
            assert not told, (name, told)


@pytest.mark.parametrize("width", [320, 768])
def test_no_page_is_wider_than_its_window(world: World, browser: Browser, width: int) -> None:
    with watched(browser, width=width) as seen:
        for name, path in world.pages.items():
            seen.page.goto(world.address + path)
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_everything_works_by_keyboard(world: World, browser: Browser) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.goto(world.address + "/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.goto(world.address + "/artifacts")
        order: list[str] = []
        for _ in range(14):
            page.keyboard.press("Tab")
            name, ring = page.evaluate(
                """() => { const one = document.activeElement, style = getComputedStyle(one);
                    return [one.id || one.name || one.textContent.trim(), parseFloat(style.outlineWidth)]; }"""
            )
            assert ring >= 2, f"nothing shows that {name} has the focus"
            order.append(name)
        wanted = [
            "Skip to the content",
            "ArcOps evidence",
            "Subjects",
            "Artifacts",
            "Compare",
            "Figures",
            "q",
            "verdict",
            "gate",
        ]
        assert [name for name in order if name in wanted] == wanted
        page.locator("#q").focus()
        page.keyboard.type("tiny")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"q=tiny"))
        expect(page.locator("tbody tr")).to_have_count(3)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_person_finds_filters_reads_and_compares(world: World, browser: Browser, scripts: bool) -> None:
    with watched(browser, scripts=scripts) as seen:
        page = seen.page
        page.goto(world.address + "/artifacts")
        page.get_by_label("Verdict", exact=True).select_option("RED")
        page.get_by_label("Search").fill("tiny")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="tiny").click()
        expect(page.get_by_text("config.json was changed since it was signed")).to_be_visible()
        passed = page.locator("#gate-integrity")
        expect(passed.get_by_role("listitem").first).to_be_hidden()
        passed.locator("summary").click()
        expect(passed.get_by_role("listitem").first).to_be_visible()
        page.get_by_role("link", name="Compare with the previous one").click()
        expect(page.get_by_text("From GREEN to RED")).to_be_visible()
        expect(page.get_by_text("files[config.json].sha256")).to_be_visible()
        page.go_back()
        page.get_by_role("row", name=re.compile("^tree")).get_by_role("link", name="tree").click()
        expect(page.get_by_role("cell", name="model.safetensors")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the exact bytes").click()
        assert b"model.safetensors" in Path(download.value.path()).read_bytes()


@pytest.mark.parametrize("scripts", [True, False])
def test_two_are_ticked_and_compared(world: World, browser: Browser, scripts: bool) -> None:
    with watched(browser, scripts=scripts) as seen:
        page = seen.page
        page.goto(world.address + "/artifacts?q=tiny")
        boxes = page.get_by_role("checkbox")
        boxes.nth(0).check()
        boxes.nth(2).check()
        page.get_by_role("button", name="Compare the two selected").click()
        expect(page.get_by_role("heading", level=1, name="Compare")).to_be_visible()
        expect(page.get_by_role("heading", name="Gates")).to_be_visible()


def test_paper_has_everything_unfolded_and_nothing_to_click(world: World, browser: Browser) -> None:
    with watched(browser, theme="dark") as seen:
        page = seen.page
        page.goto(world.address + world.pages["green"])
        passed = page.locator("#gate-integrity .sentence").first
        shows = "(one) => one.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})"
        assert not passed.evaluate(shows)
        page.emulate_media(media="print")
        assert passed.evaluate(shows)
        expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
        expect(page.get_by_role("link", name="Download the signed artifact")).to_be_hidden()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.set_viewport_size({"width": 673, "height": 1000})  # A4 between margins of 16 mm
        for path in world.pages.values():
            page.goto(world.address + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 673, path
        page.goto(world.address + world.pages["red"])
        paper = page.pdf(format="A4")
        assert paper.startswith(b"%PDF")
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) >= 2


def test_a_connection_goes_on_after_head_and_304(world: World) -> None:
    connection = http.client.HTTPConnection(urlsplit(world.address).netloc, timeout=600)
    download = f"{world.pages['green']}/download"
    connection.request("HEAD", download)
    head = connection.getresponse()
    assert head.read() == b""
    connection.request("GET", download)
    got = connection.getresponse()
    body = got.read()
    assert int(head.headers["content-length"]) == len(body) > 1000
    connection.request("GET", download, headers={"If-None-Match": got.headers["etag"]})
    again = connection.getresponse()
    assert (again.status, again.read()) == (304, b"")
    connection.close()


def test_a_copied_digest_is_whole(world: World, browser: Browser) -> None:
    with watched(browser) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        seen.page.goto(world.address + world.pages["red"])
        seen.page.get_by_role("button", name=re.compile("^Copy")).first.click()
        expect(seen.page.get_by_role("button", name=re.compile("^Copy")).first).to_have_text("Copied")
        copied = seen.page.evaluate("navigator.clipboard.readText()")
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", copied)


def test_colours_differ_between_the_themes_and_states_are_words(world: World, browser: Browser) -> None:
    backs = {}
    for theme in ("light", "dark"):
        with watched(browser, theme=theme) as seen:
            seen.page.goto(world.address + world.pages["red"])
            backs[theme] = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
            for badge in seen.page.locator(".badge").all():
                assert (badge.text_content() or "").strip()
    assert backs["light"] != backs["dark"]
