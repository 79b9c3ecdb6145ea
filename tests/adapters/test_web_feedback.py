"""Feedback on the pages: a person who may says something from our own page alone, and everyone sees what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any, cast

import pytest

import adapters.web
from adapters.http.accounts import Accounts
from adapters.http.acting import ALL_BUTTONS
from adapters.http.limiting import limits_of
from arcops.tier import Tier
from foundation.audit.audit import Audit
from foundation.database.engine import Database
from foundation.database.migrating import ready
from services.host.feedback.kept import MOST_TEXT, Feedback, FeedbackKept, Status
from tests.adapters.logging_in import Front, fronted, word_of
from tests.adapters.test_login import NOW, OWN, Clock
from tests.adapters.test_web_acting import Kept
from tests.foundation.database.open_here import at_server, hurried
from tests.models import bench
from tests.simulators.provider import providing

pytestmark = [pytest.mark.requirement("HOST-008-012/feedback-on-the-pages"), pytest.mark.xdist_group("login")]

READER = {"roles": ["arcops:read"]}
CHECKER = {"roles": ["arcops:read", "arcops:check"]}
ANSWERER = {"roles": ["arcops:read", "arcops:check", "arcops:trust"]}
ABOUT = "page:/servers"
TEMPLATES = Path(adapters.web.__file__).parent / "templates"


@dataclass
class World:
    front: Front
    database: Database
    told: Kept

    def browser(self, claims: dict[str, Any]) -> Any:
        self.front.provider.claims = dict(claims)
        return self.front.logged_in()

    def act(self, browser: Any, do: str, *, about: str = ABOUT, word: str = "", **fields: str) -> Any:
        origin = fields.pop("origin", self.front.url)
        data = {"form": word or word_of(browser.get("/")), "about": about, "do": do, **fields}
        return browser.post("/feedback/act", data=data, headers={"origin": origin, **OWN})

    @property
    def kept(self) -> tuple[Feedback, ...]:
        return FeedbackKept(self.database).listed("", None, 100)


def page(browser: Any, path: str = f"/feedback?about={ABOUT}") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(answer.text).split())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, told, here = Clock(NOW), Kept(), bench(tmp_path / "here")
    address = f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"
    with providing(now=clock) as provider, hurried(at_server(address)) as database:
        accounts = Accounts(audit=cast(Audit, told), tier=Tier.AIR_GAPPED)
        front = fronted(here, provider, clock, accounts=accounts, environment={"ARCOPS_DATABASE": address}, trust=True)
        yield World(front=front, database=ready(database), told=told)


def test_a_person_says_something_and_sees_what_becomes_of_it(world: World) -> None:
    browser = world.browser(CHECKER)
    assert 'href="/feedback?about=page%3A%2Fservers"' in browser.get("/servers").text
    assert 'href="/feedback?about=runbook%3Adeploy"' in browser.get("/runbook?name=deploy").text
    text = "the table is\r\ntoo wide <script>alert(1)</script> \u00e9"
    answer = world.act(browser, "give", text=text)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"{world.front.url}/feedback?about=page%3A%2Fservers"
    (one,) = world.kept
    assert (one.about, one.text, one.status) == (ABOUT, text.replace("\r\n", "\n"), Status.OPEN)
    assert one.author.endswith(",ada")
    shown = browser.get(f"/feedback?about={ABOUT}").text
    assert "<span>open</span>" in shown
    assert "<bdi>the table is</bdi><br><bdi>too wide &lt;script&gt;" in shown
    assert 'value="answer"' not in shown, "to answer takes more"
    answerer = world.browser(ANSWERER)
    assert world.act(answerer, "answer", id=one.id, status="accepted", text="next week").status_code == 303
    assert world.act(answerer, "answer", id=one.id, status="open").status_code == 409, "it only goes forward"
    seen = page(browser)
    assert "<span>accepted</span>" in seen
    assert "<bdi>next week</bdi>" in seen
    assert "Nothing of this kind yet" in page(browser, "/feedback?about=page:/catalog")
    assert "Nothing of this kind yet" in page(browser, "/feedback?status=open")
    assert "next week" in page(browser, "/feedback?status=accepted")
    told = [(two.tool, two.outcome.value, two.actor.id) for two in world.told.records if two.action == "tools/call"]
    assert told == [
        ("host_feedback_give", "done", "ada"),
        ("host_feedback_answer", "done", "ada"),
        ("host_feedback_answer", "refused", "ada"),
    ]


def test_who_may_not_gets_the_command_and_is_refused(world: World) -> None:
    reader = world.browser(READER)
    shown = page(reader)
    assert 'action="/feedback/act"' not in shown
    assert "You may not give feedback here" in shown
    assert "arcops host feedback give page:/servers" in shown
    assert world.act(reader, "give", text="x").status_code == 403
    checker = world.browser(CHECKER)
    assert world.act(checker, "give", text="x").status_code == 303
    assert world.act(checker, "answer", id=world.kept[0].id, status="done").status_code == 403
    assert world.kept[0].status is Status.OPEN


def test_a_form_of_another_page_and_wrong_words_do_nothing(world: World) -> None:
    browser = world.browser(CHECKER)
    assert world.act(browser, "give", text="x", word="0" * 64).status_code == 403
    assert world.act(browser, "give", text="x", origin="https://evil.example").status_code == 403
    assert world.front.browser().post("/feedback/act", data={"about": ABOUT, "text": "x", "do": "give"}).status_code == 401
    for about, text, status in (
        (ABOUT, "", 400),
        (ABOUT, " \r\n ", 409),
        (ABOUT, "\x1b[31mred", 409),
        (ABOUT, "x" * (MOST_TEXT + 1), 400),
        ("page:/../x?y", "x", 409),
        ("runbook:nothing", "x", 409),
        ("template:nothing", "x", 409),
        ("template:../../etc", "x", 409),
        ("", "x", 400),
    ):
        assert world.act(browser, "give", about=about, text=text).status_code == status, (about, text[:20])
    assert world.act(browser, "rate", text="x").status_code == 400, "a button of another page"
    assert world.kept == ()
    assert world.act(browser, "give", text="\u20ac" * MOST_TEXT).status_code == 303, "a long text of wide letters fits"
    assert browser.get("/feedback?status=odd").status_code == 400
    assert browser.get("/feedback?about=" + "x" * 400).status_code == 400


def typed_again(text: str) -> dict[str, str]:
    """What a page gives back: the fields of its form, as a browser would send them."""
    area = re.search(r'<textarea id="typed"(?: readonly)? name="(\w+)"[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
    assert area is not None, text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))
    action = re.search(r'<form method="post" action="([^"]*)">', text)
    do = re.search(r'<button name="do" value="(\w+)">', text)
    found = {area[1]: area[2], **hidden, "action": action[1] if action else "", "do": do[1] if do else ""}
    return {name: unescape(value) for name, value in found.items()}


def test_what_was_typed_is_given_back_to_who_typed_it(world: World) -> None:
    """Also if the thing is not there, and if the login ended meanwhile; never what another site sent."""
    browser = world.browser(CHECKER)
    refused = world.act(browser, "give", about="runbook:nothing", text="long words")
    assert (refused.status_code, typed_again(refused.text)["text"]) == (409, "long words")
    assert refused.headers["referrer-policy"] == "same-origin", "a form without an origin would be refused"
    ours = {"origin": world.front.url, **OWN}
    gone = world.front.browser().post("/feedback/act", data={"about": ABOUT, "text": "long words", "do": "give"}, headers=ours)
    assert (gone.status_code, typed_again(gone.text)["text"], typed_again(gone.text)["action"]) == (401, "long words", "")
    for answer in (
        world.act(browser, "give", text="long words", word="0" * 64),
        world.act(browser, "give", text="long words", origin="https://evil.example"),
        world.front.browser().post(
            "/feedback/act", data={"about": ABOUT, "text": "long words"}, headers={"origin": "https://evil.example"}
        ),
    ):
        assert answer.status_code in (401, 403)
        assert "long words" not in answer.text


def test_each_field_that_a_person_types_into_is_given_back() -> None:
    for buttons in ALL_BUTTONS:
        template = (TEMPLATES / f"{buttons.page.replace('/', '_')}.html").read_text()
        forms = re.findall(r'<form[^>]*(?:method="post"|catalogued\.sent).*?</form>', template, re.DOTALL)
        assert forms, buttons.page
        typed = re.findall(r'<(?:textarea|input)(?![^>]*type="hidden")[^>]*name="(\w+)"', "".join(forms))
        assert set(typed) == {buttons.typed} - {""}, buttons.page


def test_feedback_about_everything_names_what_there_is(world: World) -> None:
    browser = world.browser(CHECKER)
    shown = page(browser, "/feedback")
    assert "<option>runbook:deploy</option>" in shown
    assert "<option>template:echo</option>" in shown
    assert world.act(browser, "give", about="template:echo", text="it needs a license").status_code == 303
    found = browser.get("/feedback", headers={"accept": "application/json"}).json()
    assert [(one["about"], one["status"]) for one in found["feedback"]] == [("template:echo", "open")]


@pytest.mark.requirement("HOST-025/pages-share-the-limits")
def test_a_form_counts_for_the_limits_of_its_sender(tmp_path: Path) -> None:
    clock, here = Clock(NOW), bench(tmp_path / "here")
    address = f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"
    file = tmp_path / "limits.yaml"
    file.write_text("rates: [{name: given, tools: [host_feedback_give], calls: 1, per: hour}]")
    limits = limits_of(replace(here.settings, limits=file), alone=False)
    with providing(now=clock, claims=CHECKER) as provider, hurried(at_server(address)) as database:
        front = fronted(here, provider, clock, environment={"ARCOPS_DATABASE": address}, limits=limits)
        world = World(front=front, database=ready(database), told=Kept())
        browser = front.logged_in()
        assert world.act(browser, "give", text="first").status_code == 303
        said = '\nsecond </textarea><script>alert(1)</script> & "more"'
        over = world.act(browser, "give", text=said)
        assert over.status_code == 429
        assert int(over.headers["retry-after"]) > 0
        assert "limit &#x27;given&#x27; of 1 calls per hour is reached" in over.text
        assert 'href="https://arcops.example/feedback?about=page%3A%2Fservers"' in over.text
        assert [one.text for one in world.kept] == ["first"]
        form = typed_again(over.text)
        assert form["action"] == "https://arcops.example/feedback/act"
        assert (form["text"], form["about"], form["do"]) == (said, ABOUT, "give"), "it can be sent again as it was"
        assert form["form"] == word_of(browser.get("/"))
        assert "<script>alert" not in over.text
        assert browser.get("/feedback").status_code == 200, "pages have what is left of theirs"
