"""A front with the pages and the tools, in this process, for people who log in at a simulated provider."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from adapters.cli.serving import _mcp, _pages
from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound
from adapters.http.login import People, people
from capabilities.access.known import known_objects
from foundation.authorization.authorizing import Authorization
from foundation.identity.accepting import read_accepting
from foundation.limits.deciding import Deciding
from foundation.settings import read_settings
from foundation.tokens import fetched
from tests.models import Bench
from tests.simulators.provider import Provider

HTML = {"accept": "text/html,application/xhtml+xml", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
URL = "https://arcops.example"


@dataclass(kw_only=True)
class Front:
    """A front at ``url`` whose people log in at ``provider``. ``at`` is the time, in seconds since 1970."""

    app: ASGIApp
    url: str
    people: People
    provider: Provider
    at: list[float] = field(default_factory=list)

    def browser(self) -> TestClient:
        return TestClient(self.app, base_url=self.url, follow_redirects=False, headers=HTML)

    def sent(self, browser: TestClient, path: str = "/") -> str:
        """The address at the provider that *browser* is sent to when it asks for *path*."""
        answer = browser.get(path)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        answer = browser.get(answer.headers["location"])
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return answer.headers["location"]

    def came_back(self, browser: TestClient, path: str = "/", **instead: str | None) -> Any:
        """The answer to *browser* when it comes back from the provider, with *instead* in the query."""
        return browser.get(self.provider.logged_in(self.sent(browser, path), **instead))

    def logged_in(self, path: str = "/") -> TestClient:
        """A browser of someone who is logged in."""
        browser = self.browser()
        answer = self.came_back(browser, path)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return browser


def fronted(
    here: Bench,
    provider: Provider,
    now: Callable[[], float],
    *,
    url: str = URL,
    accounts: Accounts | None = None,
    environment: Mapping[str, str] | None = None,
    trust: bool = False,
    roles: Path | None = None,
    limits: Deciding | None = None,
) -> Front:
    """A front over the store of *here*, with the settings in *environment*. *trust*: remote callers may change what counts.
    *roles*: the folder of the policy; *limits*: how often someone may call tools and read.
    """
    told = {
        "ARCOPS_OIDC_ISSUER": provider.url,
        "ARCOPS_LOGIN_CLIENT": provider.client,
        **({"ARCOPS_LOGIN_SECRET": "env:OUR_SECRET", "OUR_SECRET": provider.secret} if provider.secret else {}),
        **(environment or {}),
    }
    settings = replace(here.settings, **_database(told)) if "ARCOPS_DATABASE" in told else here.settings
    settings = replace(settings, remote_trust=trust)
    place = replace(here.place(), settings=settings, own=False, roots=())
    parts = urlsplit(url)
    bound = Bound(host="127.0.0.1", port=parts.port or 443, url=url, hosts=frozenset((parts.netloc,)))
    accepting = read_accepting(told, settings.tier, f"{url}/mcp", now=now, fetch=fetched)
    issuers = tuple(one.issuer for one in accepting.tokens)
    way_in = people(settings, issuers, bound, told, now=now, fetch=fetched, accounts=accounts)
    assert way_in is not None
    rules = Authorization(roles, known_objects())
    door = Door(accepting=accepting, authorization=rules, accounts=accounts, people=way_in, limits=limits)
    app = front([DoorPart(routes=way_in.routes()), _mcp(place, bound, door), _pages(place, bound, door)], bound)
    return Front(app=app, url=url, people=way_in, provider=provider)


def _database(told: Mapping[str, str]) -> dict[str, Any]:
    return {"database": read_settings(told).database}


def word_of(answer: httpx2.Response | Any) -> str:
    """The word that the form of a page sends."""
    found = re.search(r'name="form" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, answer.text
    return found[1]
