"""A release from its description to its verdict, on a real store; and each way in which a part stops to count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from artifacts.objects import object_path
from capabilities.artifact.rejudge import Again, Rejudge, rejudge_artifact
from capabilities.contract import Scope
from capabilities.keys.keys import RevokeKey, revoke_key
from capabilities.network.drift import DiffNetwork, diff_network
from capabilities.release.check import CheckedRelease, CheckRelease, PreviewRelease, check_release, preview_release
from capabilities.release.describe import DescribeRelease, describe_release
from flows.plan import Plan
from flows.subjects.release import planning
from tests.flows.release.conftest import SITE, World
from tests.manifests import shop
from tests.models import CLOCK

pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict")


def bad(found: CheckedRelease) -> list[tuple[str, str]]:
    """The rule and the part of each finding that is not well."""
    return [
        (one.rule, one.about)
        for result in found.report.results
        for one in result.findings
        if one.outcome not in (Outcome.PASS, Outcome.WARN)
    ]


def test_parts_that_are_missing_run_and_the_verdict_ends_with_the_first_of_them(world: World) -> None:
    first = world.check()
    assert first.report.verdict is Verdict.GREEN, bad(first)
    assert [(one.part, one.verdict, one.runs) for one in first.parts] == [("chain", "GREEN", True), ("files", "GREEN", True)]
    assert first.report.valid_until == CLOCK + timedelta(days=2)
    assert first.report.site == SITE
    assert first.report.subject.kind == "release"
    assert world.kept() == 3


def test_parts_that_are_valid_are_taken_again_and_a_part_about_to_end_runs(world: World) -> None:
    world.check()
    second = world.check(CLOCK + timedelta(hours=1))
    assert (second.report.verdict, [one.runs for one in second.parts]) == (Verdict.GREEN, [False, False])
    assert world.kept() == 4
    third = world.check(CLOCK + timedelta(days=2) - timedelta(minutes=30))
    assert (third.report.verdict, [one.runs for one in third.parts]) == (Verdict.GREEN, [False, True])
    again = world.check(CLOCK + timedelta(days=2), again=True)
    assert [one.runs for one in again.parts] == [True, True]


def test_the_release_is_named_by_what_it_is(world: World) -> None:
    digests = {str(world.check(CLOCK + timedelta(hours=hour)).report.subject.digests[0]) for hour in range(3)}
    assert len(digests) == 1
    (world.model / "README.md").write_text("---\nlicense: mit\n---\nother\n")
    assert str(world.check(CLOCK + timedelta(hours=4)).report.subject.digests[0]) not in digests


def test_it_is_judged_again_to_the_same_verdict(world: World) -> None:
    found = world.check()
    assert rejudge_artifact(Rejudge(artifact=found.artifact), world.at()).again is Again.SAME


@pytest.mark.parametrize("removed", [0, 1])
def test_an_artifact_that_the_store_lost_is_doubt(world: World, removed: int) -> None:
    first = world.check()
    object_path(world.here.settings.store, first.parts[removed].artifact).unlink()
    (world.here.home.parent / "short.yaml").rename(world.here.home.parent / "gone.yaml")  # so that one part cannot run again
    found = world.check(CLOCK + timedelta(hours=1))
    assert found.report.verdict is Verdict.RED
    assert ("release/answered", first.parts[removed].part) in bad(found)


def test_a_part_that_is_broken_is_named(world: World) -> None:
    assert world.check().report.verdict is Verdict.GREEN
    weights = world.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    found = world.check(CLOCK + timedelta(hours=1))
    assert found.report.verdict is Verdict.RED
    assert ("release/ready", "chain") in bad(found)


def test_a_signer_that_was_revoked_answers_for_nothing(world: World) -> None:
    world.check()
    revoke_key(RevokeKey(key=world.here.signer.public.id, reason="lost"), world.at())
    found = world.check(CLOCK + timedelta(hours=1))
    assert found.report.verdict is Verdict.RED
    assert {part for rule, part in bad(found) if rule == "release/answered"} >= {"chain", "files"}


def test_another_sites_artifacts_are_not_taken(world: World) -> None:
    elsewhere = world.file.with_name("elsewhere.yaml")
    elsewhere.write_text(world.file.read_text().replace(SITE, "edge-08"))
    there = check_release(CheckRelease(description=elsewhere, policy=str(world.policy)), world.at(site="edge-08"))
    assert there.report.verdict is Verdict.GREEN
    seen = preview_release(PreviewRelease(description=world.file, policy=str(world.policy)), world.at())
    assert [one.runs for one in seen.parts] == [True, True]
    assert world.check(CLOCK + timedelta(minutes=1)).report.verdict is Verdict.GREEN
    with pytest.raises(Refused, match="ARCOPS_SITE=edge-07"):
        check_release(CheckRelease(description=world.file, policy=str(world.policy)), world.at(site=""))


def test_a_part_that_cannot_be_checked_is_never_left_out(world: World) -> None:
    world.file.write_text(world.file.read_text() + "  other: {flow: supply-chain, target: nowhere}\n")
    found = world.check()
    assert found.report.verdict is Verdict.RED
    assert ("release/answered", "other") in bad(found)
    said = next(one.said for one in found.parts if one.part == "other")
    assert "nowhere does not exist" in said


def drifting(world: World) -> Path:
    """Add a part that compares the network of two folders; the folder that is declared."""
    folder = world.file.parent
    for name in ("declared", "prod"):
        shop(folder / name)
    policy = "name: drift\nvalidFor: P2D\ngates: {drift: {}}\n"
    (folder / "drift.yaml").write_text(policy)
    digest = f"sha256:{hashlib.sha256(policy.encode()).hexdigest()}"
    rule = f"      - {{flow: network-drift, policies: ['{digest}'], signers: [{{key: own}}]}}\n"
    world.policy.write_text(world.policy.read_text() + rule)
    part = "  drift: {flow: network-drift, declared: declared, live: prod, policy: ./drift.yaml}\n"
    world.file.write_text(world.file.read_text() + part)
    return folder / "declared"


def runs(found: CheckedRelease) -> dict[str, bool]:
    return {one.part: one.runs for one in found.parts}


def test_a_part_is_taken_again_only_for_the_same_ask(world: World) -> None:
    """Mutation: what is asked besides the subject is no part of what must match."""
    declared = drifting(world)
    assert runs(world.check()) == {"chain": True, "files": True, "drift": True}
    again = world.check(CLOCK + timedelta(hours=1))
    assert (again.report.verdict, runs(again)["drift"]) == (Verdict.GREEN, False), bad(again)
    next(declared.glob("*.yaml")).write_text("# nothing is declared\n")
    changed = world.check(CLOCK + timedelta(hours=2))
    assert runs(changed)["drift"] is True
    assert changed.report.verdict is Verdict.RED


def test_what_was_saved_does_not_answer_for_what_runs(world: World) -> None:
    drifting(world)
    assert world.check().report.verdict is Verdict.GREEN
    world.file.write_text(world.file.read_text().replace("live: prod", "context: prod"))
    found = world.check(CLOCK + timedelta(hours=1))
    assert found.report.verdict is Verdict.RED
    assert ("release/answered", "drift") in bad(found)


def test_an_artifact_that_was_made_for_another_ask_is_heard_only_if_it_is_red(world: World) -> None:
    drifting(world)
    folder = world.file.parent
    ask = DiffNetwork(declared=folder / "declared", live=folder / "prod", policy=str(folder / "drift.yaml"))
    assert diff_network(ask, world.at()).report.verdict is Verdict.GREEN
    assert runs(world.check(CLOCK + timedelta(hours=1)))["drift"] is True


def test_a_red_part_runs_again_because_it_may_be_repaired(world: World) -> None:
    weights = world.model / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + b"\1")
    assert runs(world.check())["chain"] is True
    assert runs(world.check(CLOCK + timedelta(minutes=5)))["chain"] is True
    weights.write_bytes(good)
    assert world.check(CLOCK + timedelta(minutes=9)).report.verdict is Verdict.GREEN


def test_a_subject_counts_once_under_two_policies(world: World) -> None:
    world.policy.write_text(world.policy.read_text().replace("signers: [{key: own}]}", "signers: [{key: own}], least: 2}"))
    world.file.write_text(world.file.read_text() + world.file.read_text().splitlines()[-1].replace("files:", "more:") + "\n")
    found = world.check()
    assert found.report.verdict is Verdict.RED
    assert ("release/planned", "supply-chain") in bad(found)


def test_all_gates_that_the_flow_asks_must_have_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.check().report.verdict is Verdict.GREEN
    real = planning.plan_for

    def more(*given: Any, **named: Any) -> Plan:
        plan = real(*given, **named)
        return replace(plan, gates=(*plan.gates, replace(plan.gates[0], id="one-more")))

    monkeypatch.setattr(planning, "plan_for", more)
    assert world.check(CLOCK + timedelta(hours=1)).report.verdict is Verdict.RED


def test_it_connects_so_callers_need_that_scope(world: World) -> None:
    assert Scope.CONNECT in check_release.scopes(CheckRelease(description=world.file))


def test_what_cannot_be_read_is_not_answered_by_an_artifact_of_its_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutation: content without a digest is looked up by its name, as what runs is."""
    assert world.check().report.verdict is Verdict.GREEN
    monkeypatch.setattr(planning, "_content", lambda plan, at: "")
    found = world.check(CLOCK + timedelta(hours=1))
    assert found.report.verdict is Verdict.RED
    assert {part for rule, part in bad(found) if rule == "release/answered"} >= {"chain", "files"}


def test_the_parts_that_exist_are_not_run_twice_after_a_crash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from capabilities.release import check

    real, begun = check.judged, []

    def dying(what: object, *more: object, **named: object) -> object:
        begun.append(what)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return real(what, *more, **named)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(check, "judged", dying)
    with pytest.raises(KeyboardInterrupt):
        world.check()
    monkeypatch.undo()
    assert world.kept() == 1
    found = world.check(CLOCK + timedelta(minutes=1))
    assert (found.report.verdict, [one.runs for one in found.parts]) == (Verdict.GREEN, [False, True])


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "an unknown key": (lambda text: text + "colour: red\n", "colour"),
    "a part with an unknown field": (lambda text: text.replace("target: tiny", "target: tiny, colour: red"), "colour"),
    "an unknown flow": (lambda text: text.replace("supply-chain", "horoscope"), "horoscope"),
    "a part without a flow": (lambda text: text.replace("flow: supply-chain, ", ""), "flow"),
    "a release in a release": (lambda text: text.replace("supply-chain", "release-readiness"), "part of a release"),
    "a part twice": (lambda text: text.replace("files:", "chain:"), "twice"),
    "no parts": (lambda text: text.partition("parts:")[0], "parts"),
    "a name with a path": (lambda text: text.replace("name: tiny-at", "name: ../tiny-at"), "plain name"),
    "a model that is no digest": (lambda text: "model: tiny\n" + text, "sha256"),
    "two documents": (lambda text: text + "---\n" + text, "one mapping"),
    "nothing": (lambda text: "", "mapping"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_description_is_refused_with_its_place(world: World, wrong: str) -> None:
    change, said = WRONG[wrong]
    world.file.write_text(change(world.file.read_text()))
    with pytest.raises(Refused, match=said):
        world.check()
    assert not world.here.settings.store.exists() or world.kept() == 0


def test_a_new_description_is_one_that_can_be_checked(world: World) -> None:
    file = world.file.with_name("new.yaml")
    ask = DescribeRelease(model="./tiny", site=SITE, policy=str(world.here.policy), name="yes")
    file.write_text(describe_release(ask, world.at()).yaml)
    seen = preview_release(PreviewRelease(description=file, policy=str(world.policy)), world.at())
    assert (seen.name, seen.site) == ("yes", SITE)
    assert [(one.part, one.runs) for one in seen.parts] == [("supply-chain", True)]
    whole = DescribeRelease(model="a b/: #x", site=SITE, name="n", manifests="m", cluster="'c'", policy="pilot")
    assert "network:\n" in describe_release(whole, world.at()).yaml
    with pytest.raises(Refused, match="plain name"):
        describe_release(replace(ask, site="../edge"), world.at())


def test_a_policy_of_something_else_judges_no_release(world: World) -> None:
    with pytest.raises(Refused, match="does not judge releases"):
        check_release(CheckRelease(description=world.file, policy=str(world.here.policy)), world.at())
