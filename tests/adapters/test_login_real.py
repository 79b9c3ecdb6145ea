"""People log in at a real provider: with a secret, and as a client that is a document; and log out, here and there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc.jwk import ECKey

from tests.adapters.logging_in import URL, Front, fronted, word_of
from tests.models import Bench, bench
from tests.simulators.oidc import RealProvider, real_provider
from tests.simulators.provider import Provider

pytestmark = [pytest.mark.requirement("BASE-2/people-log-in"), pytest.mark.site, pytest.mark.xdist_group("oidc")]

SECRET = "a secret: with % and + and more than 32 characters"
DOCUMENT = f"{URL}/login/client.json"
CLIENT = {
    "client_id": "arcops-pages",
    "client_secret": SECRET,
    "redirect_uris": [f"{URL}/login/callback"],
    "post_logout_redirect_uris": [f"{URL}/logout"],
    "backchannel_logout_uri": f"{URL}/login/backchannel",
    "backchannel_logout_session_required": True,
}
KEY = ECKey.generate_key("P-256")
BY_KEY = {
    **{name: value for name, value in CLIENT.items() if name != "client_secret"},
    "client_id": "arcops-key",
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "jwks": {"keys": [{**KEY.as_dict(private=False), "kid": KEY.thumbprint(), "use": "sig"}]},
}
PEOPLE = {"ada": {"name": "Ada Lovelace", "roles": ["arcops:read"]}, "eve": {"name": "Eve"}}


@dataclass(frozen=True, kw_only=True)
class Real:
    here: Bench
    provider: RealProvider
    database: str

    def front(self, client: str = "arcops-pages", **environment: str) -> Front:
        known = Provider(url=self.provider.url, client=client, secret=SECRET if client == "arcops-pages" else "")
        return fronted(self.here, known, time.time, environment={"ARCOPS_DATABASE": self.database, **environment})

    def logged_in(self, front: Front, person: str) -> tuple[Any, Any, Any]:
        """The browser of *person* here, what it was answered when it came back, and their browser at the provider."""
        browser = front.browser()
        back, there = self.provider.logged_in(front.sent(browser), person, URL)
        return browser, browser.get(back), there


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder: Path = tmp_path_factory.mktemp("real")
    here = bench(folder)
    database = f"sqlite:///{folder / 'database' / 'a.sqlite'}"
    document = _document(here, database)
    with real_provider([CLIENT, BY_KEY], PEOPLE, document) as provider:
        yield Real(here=here, provider=provider, database=database)


def _document(here: Bench, database: str) -> Any:
    """Our own document, as this server shows it to any provider."""
    known = Provider(url="http://127.0.0.1:1", client=DOCUMENT)
    front = fronted(here, known, time.time, environment={"ARCOPS_DATABASE": database})
    return front.browser().get("/login/client.json").json()


def test_a_person_logs_in_reads_and_logs_out_here_and_there(real: Real) -> None:
    front = real.front()
    browser, came, there = real.logged_in(front, "ada")
    assert (came.status_code, came.headers["location"]) == (303, f"{URL}/"), came.text
    page = browser.get("/")
    assert page.status_code == 200
    assert "Ada Lovelace" in page.text
    answer = browser.post("/logout", data={"form": word_of(page)}, headers={"origin": URL})
    leads = unescape(answer.text.partition("url=")[2].partition('"')[0])
    assert leads.startswith(f"{real.provider.url}/session/end?")
    assert real.provider.logged_out(leads, there).startswith(f"{URL}/logout")
    assert browser.get("/").status_code == 303
    assert browser.get("/logout").status_code == 200


def test_this_server_proves_itself_by_a_private_key(real: Real) -> None:
    """Mutation: the key of another client, or none, does the same."""
    by_key = {"ARCOPS_LOGIN_SECRET": "env:OUR_KEY", "OUR_KEY": KEY.as_pem(private=True).decode()}
    _, came, _ = real.logged_in(real.front("arcops-key", **by_key), "ada")
    assert (came.status_code, came.headers["location"]) == (303, f"{URL}/"), came.text
    other = {**by_key, "OUR_KEY": ECKey.generate_key("P-256").as_pem(private=True).decode()}
    _, came, _ = real.logged_in(real.front("arcops-key", **other), "ada")
    assert came.status_code == 403
    assert "invalid_client" in came.text


def test_a_person_without_a_role_reads_nothing(real: Real) -> None:
    browser, came, _ = real.logged_in(real.front(), "eve")
    assert came.status_code == 303
    page = browser.get("/")
    assert page.status_code == 403
    assert "logged in as Eve" in page.text


def test_a_second_factor_that_it_does_not_tell_of_is_missed(real: Real) -> None:
    _, came, _ = real.logged_in(real.front(ARCOPS_LOGIN_AMR="mfa"), "ada")
    assert came.status_code == 403
    assert "without mfa" in came.text


def test_a_code_is_taken_once_and_from_the_browser_that_asked_for_it(real: Real) -> None:
    front = real.front()
    browser, other = front.browser(), front.browser()
    back, _ = real.provider.logged_in(front.sent(browser), "ada", URL)
    assert other.get(back).status_code == 400
    code = parse_qs(back.partition("?")[2])["code"][0]
    mine, _ = real.provider.logged_in(front.sent(other), "eve", URL)
    injected = mine.replace(parse_qs(mine.partition("?")[2])["code"][0], code)
    assert other.get(injected).status_code == 403, "the verifier of PKCE is of the other browser"


def test_a_client_that_is_a_document_needs_no_registration(real: Real) -> None:
    browser, came, _ = real.logged_in(real.front(DOCUMENT), "ada")
    assert came.status_code == 303, came.text
    assert browser.get("/").status_code == 200


def test_a_logout_at_the_provider_ends_the_session_here(real: Real) -> None:
    front = real.front()
    browser, _, there = real.logged_in(front, "ada")
    assert browser.get("/").status_code == 200
    while not real.provider.told.empty():
        real.provider.told.get()
    real.provider.logged_out(f"{real.provider.url}/session/end?client_id=arcops-pages", there)
    told = real.provider.told.get(timeout=600)
    assert told["told"] == f"{URL}/login/backchannel"
    program = replace(front).browser()
    body, kind = told["body"], "application/x-www-form-urlencoded"
    assert program.post("/login/backchannel", content=body, headers={"content-type": kind}).status_code == 200
    assert browser.get("/").status_code == 303
