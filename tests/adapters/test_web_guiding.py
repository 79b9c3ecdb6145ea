"""The pages of runbooks and of a server's checklist: what they show, in HTML and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from capabilities.server.runbooks_running import HostRunbookNew, host_runbook_new
from capabilities.server.snapshotting import HostSnapshotTake, host_snapshot
from flows.place import Place
from tests.adapters.hosted_world import hosted_site

JSON = {"Accept": "application/json"}
DEPLOY = ("server=time", "package=pypi:mcp-server-time==2026.10.10", "owner=the team of tools")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return hosted_site(tmp_path_factory.mktemp("guided"))


@pytest.fixture
def web(here: Place) -> Iterator[TestClient]:
    with TestClient(site(lambda: here), follow_redirects=False) as client:
        yield client


def page(web: TestClient, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text
    assert "<script>" not in answer.text.split("</head>")[1]
    return " ".join(unescape(answer.text).split())


@pytest.mark.requirement("HOST-008-012/pages-of-runbooks")
class TestRunbooks:
    def test_each_is_listed_with_roles_sources_and_age(self, web: TestClient, here: Place) -> None:
        shown = page(web, "/runbooks")
        listed = web.get("/runbooks", headers=JSON).json()["runbooks"]
        assert len(listed) == 7
        for one in listed:
            assert f"/runbook?name={one['name']}" in shown
            assert one["title"] in shown
            assert all(source in shown for source in one["sources"])
        assert "STALE" not in shown
        later = replace(here, now=lambda: here.now() + timedelta(days=400))
        with TestClient(site(lambda: later)) as client:
            assert page(client, "/runbooks").count("STALE") == 7

    def test_a_form_asks_for_what_is_needed_and_says_what_is_wrong(self, web: TestClient) -> None:
        asks = page(web, "/runbook?name=rollback")
        assert 'name="set-server"' in asks
        assert "The number of the version to go back to" in asks
        assert "<h2" in asks
        assert "Steps" not in asks
        lacks = page(web, "/runbook?name=rollback&role=sre&set-server=made")
        assert "This runbook needs --set to=" in lacks
        assert "has no step in the runbook" in page(web, "/runbook?name=rotate-keys&role=developer")
        wrong = page(web, "/runbook?name=rollback&role=sre&set-server=..%2Fx&set-to=1")
        assert 'role="alert"' in wrong
        assert "cannot be the name of a server" in wrong
        assert web.get("/runbook?name=rollback", headers=JSON).status_code == 400
        for path in ("/runbook?name=no-such", "/runbook", "/runbook?id=no-such"):
            assert web.get(path).status_code == 404

    def test_its_steps_are_shown_as_they_would_be_typed(self, web: TestClient) -> None:
        query = "&".join(f"set-{one.replace('==', '%3D%3D').replace(' ', '+')}" for one in DEPLOY)
        shown = page(web, f"/runbook?name=deploy&role=developer&{query}")
        assert "--owner 'the team of tools'" in shown
        assert "arcops host runbook new deploy --role developer --set server=time" in shown
        assert "Done by platform-engineer" in shown, "a step of another role is shown as one's own"
        found = web.get(f"/runbook?name=deploy&role=developer&{query}", headers=JSON).json()
        assert found["steps"][0]["command"][:3] == ["host", "add", "time"]

    def test_one_that_was_made_says_how_far_it_is(self, web: TestClient, here: Place) -> None:
        made = host_runbook_new(HostRunbookNew(name="deploy", role="platform-engineer", settings=DEPLOY), here)
        assert f"/runbook?id={made.id}" in page(web, "/runbooks")
        assert "0 of 5" in page(web, "/runbooks")
        shown = page(web, f"/runbook?id={made.id}")
        assert shown.count(">to do<") == 5
        assert f"arcops host runbook run {made.id} --yes" in shown
        assert web.get(f"/runbook?id={made.id}", headers=JSON).json()["id"] == made.id


@pytest.mark.requirement("HOST-008-012/pages-of-runbooks")
class TestChecklist:
    def test_it_says_what_is_open_why_and_what_shows_the_rest(self, web: TestClient, here: Place) -> None:
        shown = page(web, "/checklist?name=made")
        assert "NOT READY" in shown
        assert "no snapshot in the store has its row as it is" in shown
        assert "arcops host checklist mark made tools-read" in shown
        taken = host_snapshot(HostSnapshotTake(), here)
        shown = page(web, "/checklist?name=made")
        assert f"/artifacts/{taken.artifact}" in shown
        verdict = next(one for one in web.get("/checklist?name=made", headers=JSON).json()["items"] if one["id"] == "judged")
        assert f"/artifacts/{verdict['evidence']}" in shown
        owned = next(one for one in web.get("/checklist?name=made", headers=JSON).json()["items"] if one["id"] == "owned")
        assert f"/artifacts/{owned['evidence']}" not in shown, "the digest of a row is no artifact"
        assert "its verdict is RED" in page(web, "/checklist?name=poisoned")
        assert "/checklist?name=made" in page(web, "/server?name=made")
        assert web.get("/checklist?name=no-such").status_code == 404
        assert web.get("/checklist").status_code == 400
