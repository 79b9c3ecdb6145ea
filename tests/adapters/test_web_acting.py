"""Buttons on the page of a hosted server: for a person who may, from our own page alone, and each with a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.http.accounts import Accounts
from arcops.tier import Tier
from capabilities.server.patches_told import keep_proposal
from capabilities.server.patching import Proposed
from flows.place import Place
from foundation.audit.audit import Audit
from foundation.audit.record import Record
from foundation.database.migrating import ready
from services.host.rows import Rows
from services.host.spec import Spec
from tests.adapters.logging_in import Front, fronted, word_of
from tests.adapters.test_login import NOW, OWN, Clock, Told
from tests.foundation.database.open_here import at_server, hurried
from tests.models import bench
from tests.simulators.provider import providing

pytestmark = [pytest.mark.requirement("HOST-001-004/pages-change-servers"), pytest.mark.xdist_group("login")]

ACTS = ("stop", "start", "restart", "rollback", "remove")
MAY, READS = {"roles": ["arcops:read", "arcops:trust"]}, {"roles": ["arcops:read"]}


@dataclass
class Masked:
    names: tuple[str, ...] = ("name",)
    digest: str = ""


class Kept(Told):
    """It keeps every record, also those that had a place."""

    def masked(self, arguments: object, known: object) -> Masked:
        return Masked()

    def tell(self, record: Record, *, reserved: bool = False) -> None:
        self.records.append(record)


@dataclass
class World:
    front: Front
    untrusting: Front
    rows: Rows
    told: Kept
    place: Place

    def browser(self, claims: dict[str, Any], front: Front | None = None) -> Any:
        self.front.provider.claims = dict(claims)
        return (front or self.front).logged_in()

    def act(self, browser: Any, do: str, *, word: str = "", name: str = "echo", to: str = "", **headers: str) -> Any:
        word = word or word_of(browser.get("/server?name=echo"))
        own = {"origin": self.front.url, **OWN, **headers}
        return browser.post(
            "/server/act", data={"form": word, "name": name, "do": do, **({"to": to} if to else {})}, headers=own
        )

    @property
    def acted(self) -> list[tuple[str, str, str, str]]:
        """Tool, object, outcome and actor of each record of a tool."""
        found = (one for one in self.told.records if one.action == "tools/call")
        return [(one.tool, one.object, one.outcome.value, one.actor.id) for one in found]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, told, here = Clock(NOW), Kept(), bench(tmp_path / "here")
    address = f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"
    with providing(now=clock) as provider, hurried(at_server(address)) as database:
        accounts = Accounts(audit=cast(Audit, told), tier=Tier.AIR_GAPPED)
        rows = Rows(ready(database))
        rows.put("echo", Spec(package="pypi:echo==1"), author="ann", owner="team")
        rows.put("echo", Spec(package="pypi:echo==2"), author="ann")
        fronts = [
            fronted(here, provider, clock, accounts=accounts, environment={"ARCOPS_DATABASE": address}, trust=trust)
            for trust in (True, False)
        ]
        yield World(front=fronts[0], untrusting=fronts[1], rows=rows, told=told, place=replace(here.place(), own=True))


def test_a_person_who_may_stops_starts_rolls_back_and_removes(world: World) -> None:
    browser = world.browser(MAY)
    page = browser.get("/server?name=echo").text
    assert all(f">{words}</button>" in page for words in ("Stop", "Restart", "Roll back", "Remove <bdi>echo</bdi>"))
    assert ">Start</button>" not in page
    for do, check in (
        ("stop", lambda: not world.rows.there("echo").enabled),
        ("start", lambda: world.rows.there("echo").enabled),
        ("restart", lambda: world.rows.there("echo").generation == 1),
        ("rollback", lambda: world.rows.there("echo").current.spec.package == "pypi:echo==1"),
        ("remove", lambda: world.rows.one("echo") is None),
    ):
        answer = world.act(browser, do)
        assert answer.status_code == 303, answer.text
        assert check(), do
    assert answer.headers["location"] == f"{world.front.url}/servers"
    assert world.acted == [
        (f"host_{do}", "servers/echo", "done", "ada") for do in ("stop", "start", "restart", "rollback", "remove")
    ]


@pytest.mark.requirement("HOST-001-004/patches-are-told")
def test_a_person_who_may_switches_to_what_is_proposed(world: World) -> None:
    here = world.place
    row = world.rows.there("echo")
    new = world.rows.propose("echo", Spec(package="pypi:echo==3"), author="this host")
    one = Proposed(name="echo", known="GHSA-1 covers pkg:pypi/echo@2", version=3, verdict="RED", why="its verdict is RED")
    keep_proposal(here, row, one)
    assert "Switch to version" not in world.browser(MAY).get("/server?name=echo").text, "it may not run"
    keep_proposal(here, row, replace(one, verdict="GREEN", why=""))
    browser = world.browser(MAY)
    page = browser.get("/server?name=echo").text
    assert '<input type="hidden" name="to" value="3">' in page
    assert ">Switch to version 3</button>" in page
    answer = world.act(browser, "switch", to=str(new.current.number))
    assert answer.status_code == 409, "it is judged first, and nothing is resolved in this tier"
    assert "version 3 of echo does not serve, and version 2 goes on" in answer.text.lower()
    assert world.rows.there("echo").current.number == 2
    assert [one[0] for one in world.acted] == ["host_switch"]
    shown = world.browser(MAY).get("/server?name=echo").text
    assert "Version 3 did not become ready: resolve failed." in shown
    assert "Switch to version" not in world.browser(READS).get("/server?name=echo").text


def test_a_form_of_another_page_does_nothing(world: World) -> None:
    browser = world.browser(MAY)
    word = word_of(browser.get("/server?name=echo"))
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}):
        assert world.act(browser, "stop", word=word, **headers).status_code == 403
    assert world.act(browser, "stop", word="0" * 64).status_code == 403
    assert world.rows.there("echo").enabled
    assert world.front.browser().post("/server/act", data={"form": word, "name": "echo", "do": "stop"}).status_code == 401
    assert world.act(browser, "deploy", word=word).status_code == 400
    assert world.act(browser, "stop", word=word, name="").status_code == 400
    assert world.act(browser, "stop", word=word, name="other").status_code == 409
    assert browser.get("/server/act").status_code in (404, 405)


def test_a_person_without_the_role_sees_no_button_that_works(world: World) -> None:
    browser = world.browser(READS)
    answer = world.act(browser, "stop", word=word_of(browser.get("/")))
    assert answer.status_code == 403
    assert world.rows.there("echo").enabled
    assert world.acted == [("host_stop", "", "denied", "ada")]


def test_without_the_operators_word_no_one_does(world: World) -> None:
    browser = world.browser(MAY, world.untrusting)
    page = browser.get("/server?name=echo")
    assert ">Stop</button>" not in page.text
    answer = world.act(browser, "stop", word=word_of(browser.get("/")))
    assert answer.status_code == 409
    assert "ARCOPS_REMOTE_TRUST" in answer.text
    assert world.rows.there("echo").enabled
