"""A release as it stands now: its tree of parts, what happened to them since, on the command line and on the page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from artifacts.objects import object_path
from artifacts.statement import from_statement
from artifacts.store import Store
from artifacts.vouch import vouch
from capabilities.keys.keys import RevokeKey, revoke_key
from capabilities.release import watch
from capabilities.release.show import ReleaseShown, ShowRelease, show_release
from tasks.signing.grounds import grounds
from tests.adapters.typed import typed
from tests.flows.release.conftest import SITE, World
from tests.kept import keep
from tests.models import CLOCK

pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict")
SOON = CLOCK + timedelta(minutes=10)
NAME = f"tiny-at-{SITE}"


def show(world: World, release: str = "") -> ReleaseShown:
    return show_release(ShowRelease(release=release), world.at(SOON))


def page(world: World, query: str = "", accept: str = "text/html") -> str:
    client = TestClient(site(lambda: world.at(SOON)), base_url="http://127.0.0.1")
    return client.get(f"/releases{query}", headers={"accept": accept}).text


def worse(world: World, artifact: str) -> str:
    with Store.at(world.here.settings) as store:
        report = from_statement(vouch(store.get(artifact), grounds(world.here.settings.trust), SOON).statement)
    results = tuple(
        replace(one, verdict=Verdict.RED, findings=tuple(replace(each, outcome=Outcome.FAIL) for each in one.findings))
        for one in report.results
    )
    return keep(world.here, replace(report, verdict=Verdict.RED, results=results, judged_at=SOON, runner="direct"))


def test_every_part_is_shown_with_its_verdict_and_the_one_that_decides(world: World) -> None:
    checked = world.check()
    found = show(world)
    assert (found.name, found.site, found.now, found.verdict) == (NAME, SITE, Verdict.GREEN, Verdict.GREEN)
    assert found.artifact == checked.artifact
    assert [(one.part, one.verdict, one.decides) for one in found.parts] == [
        ("chain", Verdict.GREEN, False),
        ("files", Verdict.GREEN, True),
    ]
    assert show(world, NAME) == show(world, checked.artifact) == found


def test_what_happened_since_makes_it_red_now(world: World) -> None:
    checked = world.check()
    later = worse(world, checked.parts[0].artifact)
    found = show(world)
    assert (found.verdict, found.now) == (Verdict.GREEN, Verdict.RED)
    assert later in found.parts[0].since[0]
    assert found.parts[0].fixes
    assert not found.parts[1].since
    assert "Since then, <bdi>it was judged RED by" in page(world)


def test_it_ends_with_its_first_part(world: World) -> None:
    world.check()
    late = show_release(ShowRelease(), world.at(CLOCK + timedelta(days=3)))
    assert (late.now, late.verdict) == (Verdict.RED, Verdict.GREEN)
    assert "until 2026-11-23" in late.said


def test_a_bad_part_says_what_to_do(world: World) -> None:
    world.file.write_text(world.file.read_text() + "  other: {flow: supply-chain, target: nowhere}\n")
    world.check()
    found = show(world)
    other = next(one for one in found.parts if one.part == "other")
    assert (found.now, other.verdict) == (Verdict.RED, None)
    assert "nowhere does not exist" in other.problems[0]
    assert str(world.file.parent) not in found.said + other.problems[0]
    assert other.fixes


@pytest.mark.parametrize("lost", ["artifact", "evidence"])
def test_what_cannot_be_read_is_no_answer(world: World, lost: str) -> None:
    checked = world.check()
    digest = next(one.digest for one in checked.report.evidence if one.kind == "release-parts")
    object_path(world.here.settings.store, checked.artifact if lost == "artifact" else digest).unlink()
    with pytest.raises(Refused, match="cannot be read"):
        show(world)


def test_a_revoked_signer_shows_nothing(world: World) -> None:
    world.check()
    revoke_key(RevokeKey(key=world.here.signer.public.id, reason="lost"), world.at())
    with pytest.raises(Refused, match="no release was judged here"):
        show(world)


def test_another_name_is_refused_with_those_there_are(world: World) -> None:
    with pytest.raises(Refused, match="no release was judged here"):
        show(world)
    world.check()
    with pytest.raises(Refused, match=NAME):
        show(world, "other")


def test_the_command_line_prints_the_tree_and_exits_by_the_verdict_of_now(world: World) -> None:
    world.check()
    env = {**world.here.environment, "ARCOPS_SITE": SITE}
    done = typed("release", "show", environment=env)
    assert done.returncode == 3, done.stderr  # the wall clock is past its end
    assert f"RED {NAME} at {SITE}: It was GREEN until" in done.stdout
    assert "|- chain (readiness of tiny): GREEN by" in done.stdout
    assert "`- files" in done.stdout
    shown = typed("release", "show", NAME, "--format", "json", environment=env)
    assert json.loads(shown.stdout)["verdict"] == "GREEN"
    watched = typed("release", "watch", "nosuch", "--minutes", "0", environment=env)
    assert watched.returncode == 2, watched.stderr


def test_watching_ends_when_it_is_green(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK_SECONDS", 0.01)
    told: list[str] = []
    waited = 0

    def say(text: str) -> None:
        nonlocal waited
        told.append(text)
        waited += 1
        if waited == 1:  # it is not there yet: another process checks it meanwhile
            world.check()

    found = watch.watch_release(watch.WatchRelease(release=NAME), replace(world.at(SOON), say=say))
    assert found.now is Verdict.GREEN
    assert "no release was judged here" in told[0]


def test_the_page_shows_the_same(world: World) -> None:
    assert "No release was judged here yet" in page(world)
    checked = world.check()
    text = page(world)
    assert NAME in text
    assert checked.parts[1].artifact in text
    assert "when the release ends" in text
    assert json.loads(page(world, accept="application/json"))["artifact"] == checked.artifact
    assert "There is no such release" in page(world, "?name=other")
