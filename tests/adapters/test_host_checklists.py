"""``arcops host checklist`` and ``host feedback`` on a real site."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from artifacts.store import Store
from foundation.database.opening import opened
from services.host.figures.records import Kind, recorded
from services.host.rows import Rows
from tests.adapters.test_host_runbooks import Site, deploying
from tests.adapters.test_host_runbooks import site as site
from tests.adapters.test_host_serve import home as home

pytestmark = pytest.mark.requirement("HOST-008-012/feedback-and-checklist")
REFUSED, OPEN = 2, 3


def done(site: Site) -> dict[str, str]:
    """The items that are done, each with its evidence or who said so."""
    with_code = site.command(("host", "checklist", "show", "small", "--format", "json"))
    found = json.loads(with_code.stdout)
    assert with_code.exit == (0 if found["ready"] else OPEN)
    return {one["id"]: one["evidence"] or one["by"] for one in found["items"] if one["done"]}


def test_a_checklist_is_done_by_evidence_that_counts_now_and_opens_again(site: Site) -> None:
    arcops = site.home.arcops
    assert site.run(site.new("deploy", *deploying(site))).ended
    assert done(site).keys() == {"judged", "allowed", "owned", "no-secret", "no-network"}
    arcops("host", "snapshot")
    rehearsed = site.run(site.new("rollback", "server=small", "to=2"))
    assert rehearsed.artifact
    found = done(site)
    assert found["rollback-rehearsed"] == rehearsed.artifact
    assert "kept" in found
    assert "is shown by evidence" in arcops(
        "host", "checklist", "mark", "small", "judged", "--note", "it is fine", expect=REFUSED
    )
    assert "say in 8" in arcops("host", "checklist", "mark", "small", "tools-read", "--note", "ok", expect=REFUSED)
    assert "no item 'x'" in arcops("host", "checklist", "mark", "small", "x", "--note", "it is fine", expect=REFUSED)
    never = f"sha256:{'0' * 64}"
    line = ("host", "checklist", "mark", "small", "tools-read", "--note", "read all of them")
    assert "does not count here" in arcops(*line, "--evidence", never, expect=REFUSED)
    arcops(*line, "--evidence", rehearsed.artifact)
    told = arcops("host", "checklist", "mark", "small", "data-classified", "--note", "no personal data is seen")
    assert "every mandatory item is done" in told
    assert len(done(site)) == 9
    with opened(site.place.settings) as database:
        assert [one.subject for one in recorded(database, [Kind.CHECKLIST])] == ["small"]

    at = site.place
    first = done(site)["allowed"]
    lock = json.loads(arcops("host", "resolve", "small", "--format", "json"))["digest"]
    arcops("host", "allow", "small", lock)
    assert done(site)["allowed"] != first, "an older record is shown instead of the newest"
    with opened(at.settings) as database, database.writing() as connection:
        connection.execute(text("UPDATE arcops_hosted_allowed SET made = made + 7200000"))
    assert "allowed" not in done(site), "the record of another lock shows who allowed this one"
    with Store.at(at.settings) as store:
        path = store.path(rehearsed.artifact)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"hint", b"tint"))
    assert {"rollback-rehearsed", "tools-read"}.isdisjoint(done(site)), "evidence that was altered counts"
    arcops(
        "host", "add", "small", "--package", f"folder:{site.home.folder / 'source'}", "--command", "server.py", "--stateless"
    )
    assert done(site).keys() == {"owned", "no-secret", "no-network"}, "a new version keeps marks"


def test_only_a_record_of_exactly_this_lock_shows_who_allowed_it(site: Site) -> None:
    """Another lock that was allowed in the same hour without a record is not shown by the record of the one before."""
    arcops, source = site.home.arcops, site.home.folder / "source"
    add = ("host", "add", "small", "--package", f"folder:{source}", "--command", "server.py", "--stateless")
    arcops(*add)
    site.home.allow()
    assert "allowed" in done(site)
    lock = json.loads(arcops("host", "resolve", "small", "--format", "json"))["digest"]
    query = ("audit", "query", "--object", "servers/small", "--tool", "host_allow", "--format", "json")
    assert [one["record"]["object"] for one in json.loads(arcops(*query))["records"]] == [f"servers/small@{lock}"]
    (source / "server.py").write_text((source / "server.py").read_text() + "\n# another file\n")
    arcops(*add, "--arg", "again")
    other = json.loads(arcops("host", "resolve", "small", "--format", "json"))["digest"]
    assert other != lock
    with opened(site.place.settings) as database:
        Rows(database).allow("small", other, author="ann")
    assert "allowed" not in done(site), "the record of another lock shows who allowed this one"
    arcops("host", "allow", "small", other)
    assert "allowed" in done(site)


def test_feedback_has_a_status_that_goes_forward_and_a_first_answer(site: Site) -> None:
    arcops = site.home.arcops
    told = json.loads(arcops("host", "feedback", "give", "runbook:deploy", "step 2 needs --tier", "--format", "json"))
    assert (told["status"], told["hours"]) == ("open", -1)
    id_ = told["id"]
    arcops("host", "feedback", "give", "page:/servers", "too small")
    assert "step 2 needs --tier" in arcops("host", "feedback", "list", "runbook:deploy", "--status", "open")
    arcops("host", "feedback", "answer", id_, "accepted", "--text", "next week")
    arcops("host", "feedback", "answer", id_, "done")
    for status, why in (("open", "only goes forward"), ("done", "is done already"), ("closed", "there is no status")):
        assert why in arcops("host", "feedback", "answer", id_, status, expect=REFUSED)
    found = json.loads(arcops("host", "feedback", "list", "runbook:deploy", "--format", "json"))["feedback"]
    assert [(one["status"], one["answer"], one["hours"]) for one in found] == [("done", "next week", 0)]
    with opened(site.place.settings) as database:
        assert [one.subject for one in recorded(database, [Kind.FEEDBACK])] == [id_, id_]
    for about in ("runbook:no-such", "runbook:../deploy", "file:/etc", "page:/a b", "page:javascript", ""):
        arcops("host", "feedback", "give", about, "text", expect=REFUSED)
    assert "printable" in arcops("host", "feedback", "give", "page:/servers", "a\x1b[2Jb", expect=REFUSED)
    assert "there is no feedback" in arcops("host", "feedback", "answer", "no", "done", expect=REFUSED)
