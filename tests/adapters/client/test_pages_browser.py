"""The pages of clients' configuration in real Chromium: both themes, a phone's width, the keyboard, and nothing complained."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web.app import site
from capabilities.client.looking import AuditClientReleases, audit_client_releases
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from capabilities.client.reporting import ReportClientState, report_client_state
from capabilities.client.roles import SetClientRoles, set_client_roles
from tests.browser import PATIENCE_MS, chromium, served
from tests.services.config.folders import machine
from tests.services.config.place import DRAFT, version

pytestmark = [
    pytest.mark.requirement("CONF-1-2-3/clients-and-profiles-are-listed", "CONF-9-10-11/changes-can-be-followed"),
    pytest.mark.site,
]
MANY = DRAFT.replace(b"[claude-code]", b"[claude-code, vscode, codex]")
LONG = "It says at length what changes for those who use it, with one very long word: " + "averylongwordthatgoeson" * 6


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Pages with releases, a canary, a publication that waits, and counts."""
    here = machine(tmp_path_factory.mktemp("pages"))
    for number, draft in enumerate((MANY, version("1.1.0", MANY), version("1.2.0", MANY))):
        done = publish_client_config(
            PublishClientConfig(draft=draft.decode(), changelog=LONG, percent=100 if number < 2 else 5), here.at
        )
    state = {"client": "claude-code", "profile": "dev", "artifact": done.records[0].artifact_id, "result": "applied"}
    report_client_state(ReportClientState(fingerprint="0123456789abcdef", **state), here.at)
    own, other = here.key.public.id, here.approver.public.id
    set_client_roles(SetClientRoles(publishers=(own,), approvers=(other,), approvals=1), here.at)
    publish_client_config(PublishClientConfig(draft=version("2.0.0", MANY).decode(), changelog="Waits."), here.at)
    assert len(audit_client_releases(AuditClientReleases(), here.at).releases) == 9
    with served(site(lambda: here.at)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_they_fit_and_nothing_complains(address: str, browser: Browser, theme: str, width: int) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page, complaints, asked = context.new_page(), [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/clients")
    for heading in ("Waiting for approvals", "Releases", "Who runs what", "Families"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert overflow(page) <= 0
    page.get_by_role("link", name="What codex/dev 1.2.0 changed").click()
    expect(page.get_by_role("region", name="Lines that differ")).to_contain_text("+")
    assert overflow(page) <= 0
    assert complaints == []
    assert all(one.startswith(f"{address}/") for one in asked)
    context.close()


def test_two_releases_are_compared_by_keyboard(address: str, browser: Browser) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{address}/clients")
    chosen = page.get_by_role("radio", name="Compare from codex/dev 1.1.0")
    expect(chosen).to_be_checked()  # the release that the newest one replaced
    chosen.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Compare from codex/dev 1.0.0")).to_be_checked()
    page.get_by_role("button", name="Compare the two selected").press("Enter")
    expect(page.get_by_text("From codex/dev 1.0.0 to codex/dev 1.2.0")).to_be_visible()
    page.get_by_role("link", name="Swap them").press("Enter")
    expect(page.get_by_text("From codex/dev 1.2.0 to codex/dev 1.0.0")).to_be_visible()
    page.get_by_role("link", name="All releases").press("Enter")
    family = page.locator("details", has_text="Claude Code").first
    family.locator("summary").press("Enter")
    expect(family.get_by_text("Inputs:")).to_be_visible()
    context.close()
