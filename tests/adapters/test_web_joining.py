"""Joining by an invitation in a browser: for anyone with a token, if the operator said so, and for no one else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import cast

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from adapters.http.accounts import Accounts
from adapters.http.joining import Joining
from arcops.errors import Refused
from arcops.tier import Tier
from foundation.audit.audit import Audit
from foundation.audit.record import Outcome
from foundation.database.opening import opened
from foundation.identity.api_keys import ApiKeys
from foundation.limits.beginnings import Beginnings
from tests.adapters.test_host_onboarding import MORE, RECORD, age, invited, live
from tests.adapters.test_host_onboarding import mails as mails
from tests.adapters.test_host_onboarding import names as names
from tests.adapters.test_host_onboarding import site as site
from tests.adapters.test_host_runbooks import Site
from tests.adapters.test_web_acting import Kept
from tests.simulators.names_and_mail import Mails, Names

pytestmark = pytest.mark.requirement("HOST-024/guided-onboarding")


@pytest.fixture
def told() -> Kept:
    return Kept()


@pytest.fixture
def web(site: Site, told: Kept, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    for name, value in MORE.items():
        monkeypatch.setenv(name, value)
    at = replace(site.place, settings=replace(site.place.settings, join_public=True))
    accounts = Accounts(audit=cast(Audit, told), tier=Tier.AIR_GAPPED)
    routes = Joining(accounts=accounts, place=lambda: at, url="https://front.example", keys=True, begun=Beginnings()).routes()
    with TestClient(Starlette(routes=routes), follow_redirects=False) as client:
        yield client


def sent(web: TestClient, expect: int = 200, **form: str) -> str:
    answer = web.post("/join", data=form)
    assert answer.status_code == expect, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    return " ".join(unescape(answer.text).split())


def ticket_of(page: str) -> str:
    return re.findall(r'name="ticket" value="(arcops_join_[\w-]+)"', page)[0]


def test_from_a_token_to_a_key_by_dns(web: TestClient, site: Site, names: Names, told: Kept) -> None:
    assert "Join by an invitation" in web.get("/join").text
    assert web.get("/static/arcops.css").status_code == 200
    begun = sent(web, do="accept", token=f" {invited(site)} ", by="dns")
    ticket = ticket_of(begun)
    assert RECORD in begun
    value = re.findall(r"arcops-verify=[\w-]+", begun)[0]
    assert "does not say" in sent(web, do="verify", ticket=ticket, by="dns")
    assert "is not verified yet" in sent(web, 409, do="finish", ticket=ticket)
    names.records[RECORD] = [value]
    assert "example.org is verified" in re.sub("<[^>]*>", "", sent(web, do="verify", ticket=ticket, by="dns"))
    joined = sent(web, do="finish", ticket=ticket)
    (key,) = set(re.findall(r"arcops_[a-z2-7]{16}_[\w-]{43}", joined))
    assert "https://front.example/small/mcp" in joined
    assert "mcpServers" in joined
    assert f"Bearer {key}" not in joined, "the key is in a snippet, which is pasted into files"
    with opened(site.place.settings) as database:
        assert ApiKeys(database).caller(key, site.place.now())
    assert [(one.tool.removeprefix("host_join_"), one.outcome) for one in told.records] == [
        ("accept", Outcome.DONE),
        ("verify", Outcome.DONE),
        ("finish", Outcome.REFUSED),
        ("verify", Outcome.DONE),
        ("finish", Outcome.DONE),
    ]


def test_by_a_code_and_later_with_the_ticket(web: TestClient, site: Site, mails: Mails) -> None:
    begun = sent(web, do="accept", token=invited(site), by="mail")
    assert "A code was sent to your address" in begun
    code = re.findall(r"[0-9]{8}", mails.taken[0].get_content())[0]
    assert code not in begun
    ticket = ticket_of(begun)
    assert "This is not the code." in sent(web, do="verify", ticket=ticket, code="1")
    assert "is verified" in sent(web, do="verify", ticket=ticket, code=code)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"do": "accept", "token": "x", "by": "dns"}, "is not known here"),
        ({"do": "accept", "token": "", "by": "dns"}, "Give the token"),
        ({"do": "accept", "token": "x", "by": "post"}, "Say how your domain is verified"),
        ({"do": "verify", "ticket": "<script>"}, "is not known here"),
        ({"do": "finish", "ticket": ""}, "Give the token"),
        ({"do": "remove", "name": "small"}, "does not say what to do"),
        ({}, "does not say what to do"),
        ({"do": "accept", "token": "x" * 5000, "by": "dns"}, "does not say what to do"),
    ],
)
def test_what_does_not_count_is_said_and_does_nothing(web: TestClient, site: Site, form: dict[str, str], why: str) -> None:
    before = live(site)
    shown = sent(web, 409, **form)
    assert why in shown
    assert 'role="alert"' in shown
    assert "<script>" not in web.post("/join", data=form).text.split("</head>")[1]
    assert live(site) == before


def test_an_invitation_that_was_used_opens_nothing(web: TestClient, site: Site) -> None:
    token = invited(site)
    sent(web, do="accept", token=token, by="dns")
    assert "was used already" in sent(web, 409, do="accept", token=token, by="dns")
    late = invited(site)
    age(site, "until", "1")
    assert "has expired" in sent(web, 409, do="accept", token=late, by="dns")


def test_without_the_operators_word_there_is_no_such_page(site: Site) -> None:
    assert Joining(accounts=None, place=lambda: site.place, url="", keys=True, begun=Beginnings()).routes() == []
    at = replace(site.place, settings=replace(site.place.settings, join_public=True))
    with pytest.raises(Refused, match="none is accepted here"):
        Joining(accounts=None, place=lambda: at, url="", keys=False, begun=Beginnings()).routes()


def test_one_address_takes_only_so_many_steps(site: Site) -> None:
    at = replace(site.place, settings=replace(site.place.settings, join_public=True))
    begun = Beginnings(each=2)
    routes = Joining(accounts=None, place=lambda: at, url="", keys=True, begun=begun).routes()
    with TestClient(Starlette(routes=routes)) as client:
        for _ in range(2):
            assert client.post("/join", data={"do": "accept", "by": "dns", "token": "no-such"}).status_code == 409
        answer = client.post("/join", data={"do": "accept", "by": "dns", "token": "no-such"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert client.get("/join").status_code == 200, "to look is no step"
        with TestClient(Starlette(routes=routes), client=("203.0.113.9", 1)) as other:
            assert other.post("/join", data={"do": "accept", "by": "dns", "token": "no-such"}).status_code == 409
