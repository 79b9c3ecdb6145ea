"""Buttons on the page of a catalog's entry: who may decides and rates there, from our own page alone, each with a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.http.accounts import Accounts
from arcops.tier import Tier
from foundation.audit.audit import Audit
from foundation.database.migrating import ready
from services.host.catalog.catalog import Catalog
from services.host.catalog.entry import Kept as Version
from services.host.catalog.entry import State
from services.host.lock import Lock
from services.host.rows import Rows
from services.host.spec import Spec
from tests.adapters.logging_in import Front, fronted, word_of
from tests.adapters.test_login import NOW, OWN, Clock
from tests.adapters.test_web_acting import Kept
from tests.foundation.database.open_here import at_server, hurried
from tests.models import bench
from tests.services.host.catalog.documents import NAME, document
from tests.simulators.provider import providing

pytestmark = [pytest.mark.requirement("HOST-OPS/approved-on-the-pages"), pytest.mark.xdist_group("login")]

PAGE = f"/catalog/entry?name={NAME}"
APPROVER = {"roles": ["arcops:read", "arcops:publish", "approver"]}
PUBLISHER = {"roles": ["arcops:read", "arcops:publish"]}


@dataclass
class World:
    front: Front
    catalog: Catalog
    rows: Rows
    told: Kept

    def browser(self, claims: dict[str, Any]) -> Any:
        self.front.provider.claims = dict(claims)
        return self.front.logged_in()

    def act(self, browser: Any, do: str, *, at: str = "/catalog/act", name: str = NAME, **fields: str) -> Any:
        word = fields.pop("word", "") or word_of(browser.get("/"))
        headers = {"origin": self.front.url, **OWN}
        return browser.post(at, data={"form": word, "name": name, "do": do, **fields}, headers=headers)

    @property
    def version(self) -> Version:
        return self.catalog.version(NAME)

    @property
    def acted(self) -> list[tuple[str, str, str]]:
        return [(one.tool, one.outcome.value, one.actor.id) for one in self.told.records if one.action == "tools/call"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, told, here = Clock(NOW), Kept(), bench(tmp_path / "here")
    address = f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"
    with providing(now=clock) as provider, hurried(at_server(address)) as database:
        accounts = Accounts(audit=cast(Audit, told), tier=Tier.AIR_GAPPED)
        catalog = Catalog(ready(database))
        catalog.take([document()], author="bob", source="registry.json")
        front = fronted(here, provider, clock, accounts=accounts, environment={"ARCOPS_DATABASE": address}, trust=True)
        yield World(front=front, catalog=catalog, rows=Rows(database), told=told)


def test_an_approver_decides_and_rates(world: World) -> None:
    browser = world.browser(APPROVER)
    page = " ".join(browser.get(PAGE).text.split())
    assert "Approve <bdi>1.0.0</bdi></button>" in page
    assert "Refuse <bdi>1.0.0</bdi></button>" in page
    answer = world.act(browser, "approve", version="1.0.0", reason="read by me")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{world.front.url}/catalog/entry?name=")
    assert (world.version.state, world.version.reason) == (State.APPROVED, "read by me")
    assert "ada" in world.version.decider, "the person, not this server"
    assert "Approve <bdi>1.0.0</bdi></button>" not in browser.get(PAGE).text
    assert world.act(browser, "rate", stars="4").status_code == 303
    assert world.catalog.one(NAME)[0].stars == 4
    assert world.act(browser, "refuse", version="1.0.0").status_code == 303
    assert world.version.state is State.REFUSED
    assert world.acted == [(f"host_catalog_{do}", "done", "ada") for do in ("approve", "rate", "refuse")]


def test_one_who_is_no_approver_decides_nothing(world: World) -> None:
    browser = world.browser(PUBLISHER)
    answer = world.act(browser, "approve", version="1.0.0")
    assert answer.status_code == 403
    assert "catalog" in answer.text
    assert world.version.state is State.PROPOSED
    assert world.acted == [("host_catalog_approve", "denied", "ada")]


def test_who_brought_it_does_not_approve_it(world: World) -> None:
    browser = world.browser(APPROVER)
    world.act(browser, "rate", stars="1")
    who = next(one.actor for one in world.told.records if one.action == "tools/call")
    name = "io.example/mine"
    world.catalog.take([document(name)], author=",".join((who.issuer, who.tenant, who.id)), source="x")
    answer = world.act(browser, "approve", name=name)
    assert answer.status_code == 409
    assert "someone else must approve it" in answer.text


def test_forms_of_others_and_wrong_ones_do_nothing(world: World) -> None:
    browser = world.browser(APPROVER)
    assert world.act(browser, "approve", word="0" * 64).status_code == 403
    assert world.front.browser().post("/catalog/act", data={"name": NAME, "do": "approve"}).status_code == 401
    assert world.act(browser, "stop").status_code == 400, "a button of another page"
    assert world.act(browser, "approve", at="/server/act").status_code == 400
    assert world.act(browser, "rate").status_code == 400, "no stars"
    for stars in ("6", "-1", "many", "٣"):
        assert world.act(browser, "rate", stars=stars).status_code in (400, 409), stars
    assert world.act(browser, "approve", version="9.9").status_code == 409
    assert world.act(browser, "approve", name="no/such").status_code == 409
    assert world.version.state is State.PROPOSED
    assert world.catalog.one(NAME)[0].ratings == 0
    assert 'name="form"' not in world.front.browser().get(PAGE).text


def test_a_lock_is_allowed_by_its_digest_alone(world: World) -> None:
    """A lock that is another one by now is not allowed by a page that showed the one before."""
    row = world.rows.put("echo", Spec(package="pypi:echo==1"), author="ann")
    world.rows.lock("echo", row.current.number, Lock(package="pypi:echo==1", runtime="here", text="echo==1 --hash=sha256:0\n"))
    browser = world.browser({"roles": ["arcops:read", "arcops:trust"]})
    page = browser.get("/server?name=echo").text
    assert "Allow this lock</button>" in page
    digest = json.loads(browser.get("/server?name=echo", headers={"accept": "application/json"}).text)["server"]["digest"]
    assert f'name="digest" value="{digest}"' in page
    assert world.act(browser, "allow", at="/server/act", name="echo", digest="sha256:" + "0" * 64).status_code == 409
    assert world.act(browser, "allow", at="/server/act", name="echo").status_code == 400
    assert not world.rows.there("echo").allowed
    assert world.act(browser, "allow", at="/server/act", name="echo", digest=digest).status_code == 303
    assert world.rows.there("echo").allowed
    assert world.act(browser, "deny", at="/server/act", name="echo").status_code == 303
    assert not world.rows.there("echo").allowed
