"""Joining by an invitation in real Chromium, at a real server that anyone reaches: to a key that opens the first server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.adapters.serving import served
from tests.adapters.test_host_onboarding import MORE, RECORD, invited
from tests.adapters.test_host_onboarding import names as names
from tests.adapters.test_host_onboarding import site as site
from tests.adapters.test_host_runbooks import Site
from tests.adapters.test_web_browser import watched
from tests.adapters.test_web_guiding_browser import refuse_unsound
from tests.browser import chromium
from tests.simulators.names_and_mail import Names

pytestmark = [pytest.mark.requirement("HOST-024/guided-onboarding"), pytest.mark.site]


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """After the site was made, because what makes it needs the event loop that a browser holds."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_a_person_without_an_account_joins_and_calls_a_server(
    site: Site, names: Names, browser: Browser, theme: str, width: int
) -> None:
    token = invited(site)
    env = {**site.home.environment, **MORE, "ARCOPS_JOIN_PUBLIC": "yes", "ARCOPS_ROOTS": str(site.home.folder)}
    with served("server", env=env) as host, watched(browser, theme=theme, width=width) as seen:
        assert httpx2.get(f"{host.url}/runbooks").status_code == 401, "only joining is for anyone"
        page = seen.page
        page.goto(f"{host.url}/join")
        refuse_unsound(page, width, "join", theme)
        page.get_by_label("Token", exact=True).focus()
        page.keyboard.type(token)
        page.keyboard.press("Enter")
        expect(page.get_by_text(RECORD)).to_be_visible()
        value = page.get_by_text("arcops-verify=").first.inner_text()
        page.get_by_role("button", name="Verify", exact=True).press("Enter")
        expect(page.get_by_text("does not say")).to_be_visible()
        refuse_unsound(page, width, "join-verify", theme)
        names.records[RECORD] = [value]
        page.get_by_role("button", name="Verify", exact=True).press("Enter")
        page.get_by_role("button", name="Get my key and my servers").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("You have joined")
        refuse_unsound(page, width, "joined", theme)
        key = page.get_by_text("arcops_", exact=False).first.inner_text()
        expect(page.get_by_text(f"{host.url}/small/mcp").first).to_be_visible()
        ping = {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}
        assert httpx2.post(f"{host.url}/small/mcp", json=ping).status_code == 401
        told = httpx2.post(f"{host.url}/small/mcp", json=ping, headers={"authorization": f"Bearer {key}"})
        assert told.status_code not in (401, 403), told.text
        assert not seen.complaints
        assert not [url for url in seen.asked if not url.startswith(host.url) and not url.startswith("data:")]
