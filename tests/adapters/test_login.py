"""People log in to the pages by a provider, are refused if anything does not fit, and log out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey

from adapters.http.access import TO_READ
from adapters.http.accounts import Accounts
from adapters.http.bound import Bound
from adapters.http.login import people
from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.audit.audit import Audit
from foundation.audit.record import Record
from foundation.identity.revocations import Revocations
from foundation.identity.revoked import StoredRevocations
from foundation.settings import read_settings
from foundation.tokens import fetched, read_issuers
from tests.adapters.logging_in import HTML, Front, fronted, word_of
from tests.adapters.serving import served
from tests.adapters.typed import typed
from tests.models import Bench, bench
from tests.simulators.issuer import new_key
from tests.simulators.provider import Provider, providing

pytestmark = [pytest.mark.requirement("BASE-2/people-log-in"), pytest.mark.xdist_group("login")]

NOW = 1_800_000_000.0
READER = {"roles": ["arcops:read"]}
OWN = {"sec-fetch-site": "same-origin"}


@dataclass
class Clock:
    at: float = NOW

    def __call__(self) -> float:
        self.at += 0.001  # so that of two sessions one was begun first
        return self.at


@dataclass
class Told:
    """Stands for the audit log: it keeps what it is told, and may be ``full``."""

    records: list[Record] = field(default_factory=list)
    full: bool = False

    @contextmanager
    def recording(self) -> Iterator[Any]:
        if self.full:
            raise Unavailable("the audit log is full")
        yield self.records.append

    def reserve(self) -> None:
        """For pages, whose records are not about logins."""

    def tell(self, record: Record, *, reserved: bool = False) -> None:
        if reserved:
            return
        if self.full:
            raise Unavailable("the audit log is full")
        self.records.append(record)

    def last(self) -> tuple[str, str, str, str]:
        one = self.records[-1]
        return one.action, one.outcome.value, one.reason, one.actor.id


@dataclass(frozen=True, kw_only=True)
class World:
    here: Bench
    provider: Provider
    clock: Clock
    told: Told
    site: Front
    database: str
    key: ECKey

    def another(self, roles: Path | None = None, **environment: str) -> Front:
        """Another front of the same database, with other settings."""
        accounts = Accounts(audit=cast(Audit, self.told), tier=Tier.AIR_GAPPED)
        told = {"ARCOPS_DATABASE": self.database, **environment}
        return fronted(self.here, self.provider, self.clock, accounts=accounts, environment=told, roles=roles)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def made(here: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, clock, told = tmp_path_factory.mktemp("login"), Clock(), Told()
    with providing(now=clock) as provider:
        database = f"sqlite:///{folder / 'database' / 'a.sqlite'}"
        accounts = Accounts(audit=cast(Audit, told), tier=Tier.AIR_GAPPED)
        site = fronted(here, provider, clock, accounts=accounts, environment={"ARCOPS_DATABASE": database})
        yield World(here=here, provider=provider, clock=clock, told=told, site=site, database=database, key=provider.key)


@pytest.fixture
def world(made: World) -> World:
    """The same front for all, and a provider that does nothing unusual yet."""
    made.clock.at = NOW
    made.told.records.clear()
    made.told.full = False
    with made.site.people.stored.opened()._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM arcops_session")
    fresh = Provider(url=made.provider.url, key=made.key, now=made.clock, claims=dict(READER))
    vars(made.provider).update(vars(fresh))
    return made


@pytest.fixture
def site(world: World) -> Front:
    return world.site


def leave(site: Front, browser: Any, word: str | None = None, **headers: str) -> Any:
    """The answer to the button of a page."""
    word = word_of(browser.get("/")) if word is None else word
    return browser.post("/logout", data={"form": word}, headers={"origin": site.url, **OWN, **headers})


def asked_of(answer: Any) -> dict[str, list[str]]:
    """What the provider is asked at the address that *answer* sends a browser to."""
    return parse_qs(urlsplit(answer.headers["location"]).query)


def same(browser: Any, site: Front) -> Any:
    """A browser with the cookies of *browser*, which asks *site*."""
    other = site.browser()
    other.cookies.update(browser.cookies)
    return other


def goes_to_log_in(answer: Any) -> bool:
    return answer.status_code == 303 and urlsplit(answer.headers["location"]).path == "/login"


def test_a_person_logs_in_reads_and_logs_out(world: World, site: Front) -> None:
    browser = site.browser()
    there = site.sent(browser, "/artifacts?q=tiny")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
    assert asked["redirect_uri"] == f"{site.url}/login/callback"
    assert asked["scope"] == "openid profile"
    back = browser.get(site.provider.logged_in(there))
    assert (back.status_code, back.headers["location"]) == (303, f"{site.url}/artifacts?q=tiny")
    assert world.told.last() == ("login", "done", "", "ada")
    page = browser.get("/artifacts?q=tiny")
    assert page.status_code == 200
    assert "Ada Lovelace" in page.text
    assert (
        browser.get("/static/arcops.css", headers={"accept": "text/css", "sec-fetch-dest": "style", **OWN}).status_code == 200
    )
    left = leave(site, browser)
    assert left.status_code == 200
    assert f"{site.provider.url}/end?client_id=arcops-pages&amp;post_logout_redirect_uri=https" in left.text
    assert world.told.last() == ("logout", "done", "", "ada")
    assert goes_to_log_in(browser.get("/artifacts"))


def test_cookies_are_for_this_host_and_for_no_script(world: World, site: Front) -> None:
    browser = site.browser()
    answer = browser.get(browser.get("/").headers["location"])
    came = browser.get(site.provider.logged_in(answer.headers["location"]))
    for said in (answer, came):
        for cookie in said.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-arcops-")
            for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
                assert word in cookie
            assert "omain" not in cookie
        assert said.headers["cache-control"] == "no-store"
        assert said.headers["referrer-policy"] == "no-referrer"
    at_loopback = fronted(
        world.here, world.provider, world.clock, url="http://127.0.0.1:8420", environment={"ARCOPS_DATABASE": world.database}
    )
    cookie = at_loopback.came_back(at_loopback.browser()).headers.get_list("set-cookie")[0]
    assert cookie.startswith("arcops-session-8420="), "each port of this machine gets every cookie of it"
    assert "Secure" not in cookie


class TestWhatTheProviderAnswers:
    @pytest.mark.parametrize(
        ("instead", "status", "reason"),
        [
            ({"state": None}, 400, "state"),
            ({"iss": None}, 403, "iss"),
            ({"iss": "https://evil.example"}, 403, "iss"),
            ({"error": "<b>owned</b>", "error_description": "<b>owned</b>"}, 403, "provider"),
            ({"code": "stolen"}, 403, "code"),
        ],
    )
    def test_that_does_not_fit_logs_no_one_in(
        self, world: World, site: Front, instead: dict[str, str | None], status: int, reason: str
    ) -> None:
        browser = site.browser()
        answer = site.came_back(browser, **instead)
        assert (answer.status_code, world.told.last()) == (status, ("login", "denied", reason, ""))
        assert "owned" not in answer.text
        assert "session" not in answer.headers.get("set-cookie", "")
        assert goes_to_log_in(browser.get("/"))

    def test_counts_once_and_in_the_browser_that_began_it(self, site: Front) -> None:
        browser = site.browser()
        back = site.provider.logged_in(site.sent(browser))
        assert site.browser().get(back).status_code == 400, "another browser, such as that of a person who was sent the address"
        assert browser.get(back).status_code == 303
        assert browser.get(back).status_code == 400, "again"

    def test_a_code_of_another_login_does_not_count(self, site: Front) -> None:
        """Someone gives a browser the code of their own login, so that it would be logged in as them."""
        theirs = parse_qs(urlsplit(site.provider.logged_in(site.sent(site.browser()))).query)["code"][0]
        assert site.came_back(site.browser(), code=theirs).status_code == 403

    def test_what_an_unknown_caller_begins_takes_no_room(self, world: World, site: Front) -> None:
        site.logged_in()
        before = world.database.removeprefix("sqlite:///")
        with site.people.stored.opened()._database.reading() as connection:
            rows = connection.exec_driver_sql("SELECT count(*) FROM arcops_session").scalar_one()
        size = Path(before).stat().st_size
        for _ in range(50):
            answer = site.browser().get(f"/login?to=/{'x' * 900}")
            assert len(answer.headers["set-cookie"]) < 4096
        with site.people.stored.opened()._database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM arcops_session").scalar_one() == rows
        assert Path(before).stat().st_size == size


class TestTheIdToken:
    @pytest.mark.parametrize("claims", [{"nonce": "of another login"}, {"aud": "another"}, {"exp": NOW - 31}, {"sub": None}])
    def test_of_another_place_time_or_login_does_not_count(self, world: World, site: Front, claims: dict[str, Any]) -> None:
        world.provider.claims |= claims
        browser = site.browser()
        answer = site.came_back(browser)
        assert (answer.status_code, world.told.last()) == (403, ("login", "denied", "token", "")), answer.text
        assert goes_to_log_in(browser.get("/"))

    def test_that_is_missing_or_of_the_login_before_does_not_count(self, world: World, site: Front) -> None:
        world.provider.sends = False
        assert site.came_back(site.browser()).status_code == 403
        world.provider.sends = True
        browser = site.browser()
        there = site.sent(browser)
        nonce = parse_qs(urlsplit(there).query)["nonce"][0]
        world.provider.made = world.provider.token(sub="ada", nonce=nonce, iat=int(NOW), exp=int(NOW) + 60, **READER)
        assert browser.get(site.provider.logged_in(there)).status_code == 303
        assert site.came_back(site.browser()).status_code == 403

    def test_with_new_keys_counts_after_they_were_asked_for(self, world: World) -> None:
        site = world.another()
        site.logged_in()
        world.provider.key = new_key("second")
        world.clock.at += 31
        site.logged_in()


class TestHowOneLoggedIn:
    def test_a_second_factor_that_is_asked_for_must_be_there(self, world: World) -> None:
        site = world.another(ARCOPS_LOGIN_ACR="urn:mfa urn:better", ARCOPS_LOGIN_AMR="mfa otp")
        there = parse_qs(urlsplit(site.sent(site.browser())).query)
        assert there["acr_values"] == ["urn:mfa urn:better"]
        for claims, reason in (({}, "acr"), ({"acr": "urn:mfa", "amr": ["mfa"]}, "amr")):
            world.provider.claims = {**READER, **claims}
            answer = site.came_back(site.browser())
            assert (answer.status_code, world.told.last()) == (403, ("login", "denied", reason, "ada")), claims
            assert "second factor" in answer.text
        world.provider.claims = {**READER, "acr": "urn:better", "amr": ["otp", "pwd", "mfa"]}
        site.logged_in()

    def test_a_page_that_takes_a_further_proof_sends_one_to_show_it_and_back(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "access").mkdir(mode=0o700)
        rules = f"roles: {{careful: {{allows: ['{TO_READ}:call'], acr: ['urn:mfa'], amr: [otp]}}}}"
        (tmp_path / "access" / "roles.yaml").write_text(rules)
        site = world.another(roles=tmp_path / "access")
        world.provider.claims = {"name": "Ada", "roles": ["careful"], "acr": "urn:plain"}
        browser = site.logged_in()
        page = browser.get("/artifacts?x=1")
        assert page.status_code == 403
        link = re.search(r'href="([^"]*/login[^"]*)"', page.text)
        assert link is not None
        sent = browser.get(unescape(link[1]))
        assert asked_of(sent)["acr_values"] == ["urn:mfa"]
        for claims in ({}, {"acr": "urn:mfa"}, {"amr": ["otp"]}):
            world.provider.claims = {"roles": ["careful"], **claims}
            assert site.logged_in().get("/artifacts").status_code == 403, claims
        world.provider.claims = {"roles": ["careful"], "acr": "urn:mfa", "amr": ["pwd", "otp"]}
        back = browser.get(site.provider.logged_in(sent.headers["location"]))
        assert back.headers["location"] == f"{site.url}/artifacts?x=1"
        assert browser.get("/artifacts?x=1").status_code == 200
        elsewhere = world.another(roles=tmp_path / "access")
        assert same(browser, elsewhere).get("/artifacts").status_code == 200, "another host knows it, too"
        world.provider.claims = {"name": "Ada"}
        other = site.logged_in().get("/artifacts")
        assert other.status_code == 403
        assert "/login?" not in other.text, "no login helps who has no role"

    @pytest.mark.parametrize("acr", ["a b", 'x"y', "é", "a" * 256, " ".join("abcdefghi"), " "])
    def test_a_link_asks_the_provider_for_words_or_for_nothing(self, site: Front, acr: str) -> None:
        there = asked_of(site.browser().get(f"/login?{urlencode({'acr': acr})}"))
        assert there.get("acr_values", [""]) == (["a b"] if acr == "a b" else [""])

    def test_a_link_never_asks_for_less_than_this_place_does(self, world: World) -> None:
        site = world.another(ARCOPS_LOGIN_ACR="urn:mfa urn:better")
        for acr, asked in (("urn:plain", "urn:mfa urn:better"), ("urn:better", "urn:better")):
            there = asked_of(site.browser().get(f"/login?{urlencode({'acr': acr})}"))
            assert there["acr_values"] == [asked]

    def test_a_session_that_was_made_under_other_rules_does_not_count(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        assert browser.get("/").status_code == 200
        stricter = world.another(ARCOPS_LOGIN_AMR="mfa")
        assert goes_to_log_in(same(browser, stricter).get("/"))


class TestWhoMayRead:
    def test_one_without_a_role_for_it_reads_nothing_and_can_log_out(self, world: World, site: Front) -> None:
        world.provider.claims = {"name": "<b>Eve</b>", "groups": ["arcops:read", "readers"], "scope": "openid read"}
        browser = site.logged_in()
        for path in ("/", "/artifacts", "/metrics", "/static/arcops.css"):
            page = browser.get(path)
            assert page.status_code in (403, 404), path
        page = browser.get("/")
        assert "logged in as &lt;b&gt;Eve&lt;/b&gt; (ada at" in page.text
        assert world.told.last() == ("access", "denied", "policy", "ada")
        assert leave(site, browser, word_of(page)).status_code == 200

    def test_a_claim_that_the_operator_named_gives_roles(self, world: World) -> None:
        site = world.another(ARCOPS_LOGIN_ROLES="groups teams")
        world.provider.claims = {"groups": ["read"]}
        assert site.logged_in().get("/").status_code == 200
        for wrong in ("read", {"read": 1}, [["read"]], [5], None):
            world.provider.claims = {"groups": wrong}
            assert site.logged_in().get("/").status_code == 403, wrong

    def test_a_session_looks_and_calls_nothing(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"accept": "application/json, text/event-stream"}
        assert browser.post("/mcp", json=call, headers={**accept, "origin": site.url, **OWN}).status_code == 401
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert browser.request(method, "/", headers={"origin": site.url, **OWN}).status_code == 401
        value = browser.cookies["__Host-arcops-session"]
        assert site.browser().get("/", headers={"authorization": f"Bearer {value}"}).status_code == 401
        assert browser.get("/", headers={"authorization": "Bearer x"}).status_code == 401, "what is shown first counts"

    def test_only_our_own_pages_and_people_themselves_look_with_it(self, site: Front) -> None:
        browser = site.logged_in()
        script = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
        for headers, status in (
            ({"sec-fetch-site": "none"}, 200),
            ({"sec-fetch-site": "cross-site"}, 200),
            ({"sec-fetch-site": "same-origin", **script}, 200),
            ({"sec-fetch-site": "cross-site", **script}, 401),
            ({"sec-fetch-site": "same-site", **script}, 401),
            ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, 401),
            ({"sec-fetch-site": "x", **script}, 401),
        ):
            assert browser.get("/", headers=headers).status_code == status, headers

    def test_only_a_page_for_a_person_leads_to_log_in(self, site: Front) -> None:
        for headers in (
            {"accept": "application/json"},
            {"accept": "*/*"},
            {"sec-fetch-dest": "image"},
            {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"},
        ):
            assert site.browser().get("/", headers=headers).status_code == 401, headers
        assert site.browser().post("/").status_code == 401
        assert site.browser().get("/mcp").status_code in (401, 405, 406)


class TestWhereOneComesBackTo:
    @pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nset-cookie: a=b"])
    def test_it_is_never_another_place(self, site: Front, to: str) -> None:
        browser = site.browser()
        there = browser.get("/login", params={"to": to}).headers["location"]
        assert browser.get(site.provider.logged_in(there)).headers["location"] == f"{site.url}/"

    def test_it_is_the_page_that_was_asked_for(self, site: Front) -> None:
        for path in ("/artifacts?q=a%20b&verdict=RED", "/subject?name=%2F%2Fevil.example", "/figures"):
            assert site.came_back(site.browser(), path).headers["location"] == site.url + path


class TestSessions:
    def test_a_login_never_takes_over_a_session_that_was_there(self, site: Front) -> None:
        planted = site.logged_in()
        value = planted.cookies["__Host-arcops-session"]
        browser = site.browser()
        browser.cookies.set("__Host-arcops-session", value, domain="arcops.example", path="/")
        there = browser.get("/login").headers["location"]
        came = browser.get(site.provider.logged_in(there))
        assert re.search(r"arcops-session=([\w-]{43});", came.headers["set-cookie"])[1] != value  # type: ignore[index]  # else it fails
        assert goes_to_log_in(planted.get("/")), "the one that was there has ended"

    def test_a_stolen_one_ends_with_the_logout(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        stolen = same(browser, site)
        assert stolen.get("/").status_code == 200
        leave(site, browser)
        assert goes_to_log_in(stolen.get("/"))
        assert world.told.last() == ("access", "denied", "session", "")

    def test_counts_on_each_host_and_after_a_restart(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        there = site.sent(other := site.browser())
        second = world.another()
        assert same(browser, second).get("/").status_code == 200
        came = same(other, second).get(site.provider.logged_in(there))
        assert came.status_code == 303, "begun at one host, and ended at the other"
        leave(site, browser)
        assert goes_to_log_in(same(browser, second).get("/"))

    def test_ends_when_its_person_is_revoked_and_a_login_afterwards_counts(self, world: World, site: Front) -> None:
        """Mutation: what a person was given is revoked, and their browser still reads."""
        browser, other = site.logged_in(), site.logged_in()
        world.provider.claims["sub"] = "bob"
        bob = site.logged_in()
        moment = datetime.fromtimestamp(world.clock.at, UTC)
        database = site.people.stored.opened()._database
        who = Identity(issuer=world.provider.url, tenant="", id="ada")
        site.people.revoked = StoredRevocations(settings=read_settings({"ARCOPS_DATABASE": world.database}))
        try:
            assert browser.get("/").status_code == 200
            Revocations(database).caller(who, moment, moment)
            site.people.revoked = StoredRevocations(settings=read_settings({"ARCOPS_DATABASE": world.database}))
            assert goes_to_log_in(browser.get("/"))
            assert goes_to_log_in(other.get("/"))
            assert bob.get("/").status_code == 200
            world.provider.claims["sub"] = "ada"
            world.clock.at += 2
            assert site.logged_in().get("/").status_code == 200
        finally:
            site.people.revoked = None
            with database.writing() as connection:
                connection.exec_driver_sql("DELETE FROM arcops_revocation")

    def test_ends_when_it_is_not_used_and_in_any_case(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        world.clock.at += 29 * 60
        assert browser.get("/").status_code == 200
        world.clock.at += 29 * 60
        assert browser.get("/").status_code == 200, "a request made it last"
        for _ in range(16):
            world.clock.at += 29 * 60
            last = browser.get("/")
        assert world.clock.at - NOW > 8 * 3600
        assert goes_to_log_in(last)
        world.clock.at = NOW
        browser = site.logged_in()
        world.clock.at += 30 * 60
        assert goes_to_log_in(browser.get("/"))

    def test_the_database_holds_no_secret_of_one(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        value = browser.cookies["__Host-arcops-session"]
        path = Path(world.database.removeprefix("sqlite:///"))
        kept = b"".join(one.read_bytes() for one in path.parent.iterdir())
        assert b"Ada Lovelace" in kept
        assert value.encode() not in kept
        assert base64.urlsafe_b64decode(value + "=") not in kept

    def test_that_cannot_be_looked_up_counts_for_nothing(self, world: World, tmp_path: Path) -> None:
        site = fronted(
            world.here, world.provider, world.clock, environment={"ARCOPS_DATABASE": f"sqlite:///{tmp_path / 'd' / 'a.sqlite'}"}
        )
        browser = site.logged_in()
        (tmp_path / "d" / "a.sqlite").rename(tmp_path / "d" / "gone")
        answer = browser.get("/")
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text
        assert site.came_back(site.browser()).status_code == 503

    def test_no_one_is_logged_in_if_that_cannot_be_recorded(self, world: World, site: Front) -> None:
        browser = site.browser()
        there = site.sent(browser)
        world.told.full = True
        assert browser.get(site.provider.logged_in(there)).status_code == 503
        world.told.full = False
        assert goes_to_log_in(browser.get("/"))

    def test_one_can_log_out_even_if_that_cannot_be_recorded(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        word = word_of(browser.get("/"))
        world.told.full = True
        assert leave(site, browser, word).status_code == 200
        assert goes_to_log_in(browser.get("/"))


class TestLoggingOut:
    @pytest.mark.parametrize(
        ("word", "headers"),
        [
            ("", {}),
            ("0" * 64, {}),
            ("é", {}),
            (None, {"origin": "https://evil.example"}),
            (None, {"origin": "null"}),
            (None, {"origin": "https://arcops.example.evil.example"}),
            (None, {"sec-fetch-site": "cross-site"}),
            (None, {"sec-fetch-site": "same-site"}),
            (None, {"sec-fetch-site": "none"}),
            (None, {"content-type": "text/plain"}),
        ],
    )
    def test_is_not_another_sites_to_do(self, world: World, site: Front, word: str | None, headers: dict[str, str]) -> None:
        browser = site.logged_in()
        answer = leave(site, browser, word, **headers)
        assert answer.status_code == 403
        assert browser.get("/").status_code == 200
        if "origin" not in headers:
            assert world.told.records[-1].reason == "form"

    def test_with_the_word_of_another_session_does_nothing(self, site: Front) -> None:
        browser = site.logged_in()
        assert leave(site, browser, word_of(site.logged_in().get("/"))).status_code == 403
        assert browser.get("/").status_code == 200

    def test_by_an_address_does_nothing(self, site: Front) -> None:
        browser = site.logged_in()
        assert browser.get("/logout").status_code == 200
        assert browser.get("/").status_code == 200

    def test_twice_or_without_a_session_is_no_fault(self, site: Front) -> None:
        browser = site.logged_in()
        word = word_of(browser.get("/"))
        assert [leave(site, browser, word).status_code for _ in range(2)] == [200, 200]

    def test_here_alone_if_the_provider_offers_no_more(self, world: World) -> None:
        world.provider.document["end_session_endpoint"] = None
        site = world.another()
        answer = leave(site, site.logged_in())
        assert "not at the provider" in answer.text
        assert "http-equiv" not in answer.text


class TestTheProviderEndsIt:
    def said(self, world: World, **claims: object) -> str:
        told = {
            "sub": "ada", "iat": int(world.clock.at), "exp": int(world.clock.at) + 60, "jti": "1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, **claims,
        }  # fmt: skip
        return world.provider.token(header={"typ": "logout+jwt"}, **told)

    def test_ends_the_session_that_it_names_or_all_of_a_person(self, world: World, site: Front) -> None:
        browsers = []
        for sub, sid in (("ada", "one"), ("ada", "two"), ("bob", "three")):
            world.provider.claims |= {"sub": sub, "sid": sid}
            browsers.append(site.logged_in())
        program = site.browser()
        told = program.post("/login/backchannel", data={"logout_token": self.said(world, sid="one", sub=None)})
        assert told.status_code == 200
        assert world.told.last() == ("logout", "done", "provider", "ada")
        assert [one.get("/").status_code for one in browsers] == [303, 200, 200]
        assert program.post("/login/backchannel", data={"logout_token": self.said(world)}).status_code == 200
        assert [one.get("/").status_code for one in browsers] == [303, 303, 200]

    def test_an_id_token_or_nothing_ends_nothing(self, world: World, site: Front) -> None:
        browser = site.logged_in()
        login = world.provider.token(sub="ada", iat=int(NOW), exp=int(NOW) + 60, nonce="x")
        forged = world.provider.token(key=new_key("first"), sub="ada", iat=int(NOW), exp=int(NOW) + 60, jti="1")
        for token in (login, forged, "", "a.b.c", "x" * 40_000):
            assert site.browser().post("/login/backchannel", data={"logout_token": token}).status_code == 400
        assert browser.get("/").status_code == 200


class TestTheClient:
    @pytest.mark.parametrize("post", [False, True])
    def test_its_secret_comes_by_reference_and_may_change(self, world: World, tmp_path: Path, post: bool) -> None:
        file = tmp_path / "secret"
        file.write_text("p%:s+w&d=é")
        file.chmod(0o600)
        world.provider.secret, world.provider.post = "p%:s+w&d=é", post
        site = world.another(ARCOPS_LOGIN_SECRET=f"file:{file}")
        site.logged_in()
        world.provider.secret = "another"
        answer = site.came_back(site.browser())
        assert (answer.status_code, world.told.last()[2]) == (403, "code")
        file.write_text("another")
        site.logged_in()
        file.unlink()
        answer = site.came_back(site.browser())
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text

    def test_it_may_be_a_document_of_this_server(self, world: World) -> None:
        world.provider.client = "https://arcops.example/login/client.json"
        site = world.another()
        assert site.browser().get("/login").status_code == 503, "the provider does not say that it reads documents"
        world.provider.document["client_id_metadata_document_supported"] = True
        site = world.another()
        document = site.browser().get("/login/client.json").json()
        assert document["client_id"] == world.provider.client
        assert document["redirect_uris"] == ["https://arcops.example/login/callback"]
        assert document["token_endpoint_auth_method"] == "none"
        assert site.logged_in().get("/").status_code == 200
        assert world.site.browser().get("/login/client.json").status_code != 200, "no client is shown that is not used"


class TestAProviderThatDoesNotAnswer:
    def test_is_said_and_is_not_asked_by_each_who_comes(self, world: World) -> None:
        site = world.another()
        world.provider.down = True
        for _ in range(5):
            answer = site.browser().get("/login")
            assert answer.status_code == 503
            assert "session" not in answer.headers.get("set-cookie", "")
        assert world.provider.asked == ["/.well-known/openid-configuration"]
        world.provider.down = False
        world.clock.at += 16
        browser = site.browser()
        there = site.sent(browser)
        world.provider.down = True
        assert browser.get(site.provider.logged_in(there)).status_code == 503
        world.provider.down = False
        world.clock.at += 31
        site.logged_in()


def test_the_server_itself_lets_people_in_and_keeps_the_record(here: Bench) -> None:
    """The whole of it as a process: its settings, its database, its audit log."""
    secret = here.home / "login.secret"
    secret.touch(mode=0o600)
    secret.write_text("a secret of the client")
    with providing(claims=dict(READER), secret="a secret of the client") as provider:
        told = {"ARCOPS_LOGIN_CLIENT": provider.client, "ARCOPS_LOGIN_SECRET": f"file:{secret}"}
        with served("web", env={**here.environment, "ARCOPS_OIDC_ISSUER": provider.url, **told}) as server:
            with httpx2.Client(headers=HTML, trust_env=False, timeout=600) as browser:
                there = browser.get(browser.get(server.url + "/").headers["location"]).headers["location"]
                assert browser.get(provider.logged_in(there, state="x")).status_code == 400
                assert browser.get(provider.logged_in(there)).headers["location"] == f"{server.url}/"
                page = browser.get(server.url + "/")
                assert "Ada Lovelace" in page.text
                left = browser.post(f"{server.url}/logout", data={"form": word_of(page)}, headers={"origin": server.url})
                assert left.status_code == 200
                assert browser.get(server.url + "/").status_code == 303
            log = "\n".join(server.log)
        assert "code=" not in log
        assert "state=" not in log
    listed = typed("audit", "query", "--format", "json", environment=here.environment)
    kept = [one["record"] for one in json.loads(listed.stdout)["records"]]
    found = [(one["action"], one["outcome"], one["reason"], one["actor"]["id"]) for one in kept]
    for record in (("login", "denied", "state", ""), ("login", "done", "", "ada"), ("logout", "done", "", "ada")):
        assert record in found


def test_air_gapped_the_server_does_not_start_for_a_provider_elsewhere(here: Bench) -> None:
    told = {"ARCOPS_OIDC_ISSUER": "https://login.example", "ARCOPS_OIDC_JWKS": "/srv/keys.json", "ARCOPS_LOGIN_CLIENT": "x"}
    with pytest.raises(Refused, match="ARCOPS_TIER to restricted, or unset ARCOPS_LOGIN_CLIENT"):
        people(here.settings, read_issuers(told, Tier.AIR_GAPPED, "x"), _bound(), told, now=Clock(), fetch=fetched)


def _bound() -> Bound:
    return Bound(host="127.0.0.1", port=8420, url="http://127.0.0.1:8420", hosts=frozenset(("127.0.0.1:8420",)))
