"""People log in to the pages by a provider, are refused if anything does not fit, and log out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.adapters.logging_in import Front, fronted, word_of
from tests.models import Bench, bench
from tests.simulators.provider import Provider, providing

NOW = 1_800_000_000.0


@dataclass
class Clock:
    at: float = NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("login"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(clock: Clock) -> Iterator[Provider]:
    with providing(now=clock, claims={"roles": ["arcops:read"]}) as one:
        yield one


@pytest.fixture
def site(here: Bench, provider: Provider, clock: Clock, tmp_path: Path) -> Front:
    return fronted(here, provider, clock, environment={"ARCOPS_DATABASE": f"sqlite:///{tmp_path / 'db' / 'a.sqlite'}"})


def test_a_person_logs_in_reads_and_logs_out(site: Front) -> None:
    browser = site.browser()
    there = site.sent(browser, "/artifacts?q=tiny")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
    assert asked["redirect_uri"] == f"{site.url}/login/callback"
    back = browser.get(site.provider.logged_in(there))
    assert (back.status_code, back.headers["location"]) == (303, f"{site.url}/artifacts?q=tiny")
    page = browser.get("/artifacts?q=tiny")
    assert page.status_code == 200
    assert "Ada Lovelace" in page.text
    left = browser.post("/logout", data={"form": word_of(page)}, headers={"origin": site.url, "sec-fetch-site": "same-origin"})
    assert left.status_code == 200
    assert f"{site.provider.url}/end?client_id=arcops-pages" in left.text
    assert browser.get("/artifacts").status_code == 303
