"""Admission by a release: a workload runs only a model that is released here, and what happens to a part later counts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.objects import object_path
from artifacts.statement import from_statement
from artifacts.store import Store
from artifacts.vouch import vouch
from capabilities.cluster.admit import Admit, Admitted, admit_workload
from capabilities.keys.keys import RevokeKey, revoke_key
from tasks.signing.grounds import grounds
from tests.adapters.test_admit import deployment
from tests.flows.release.conftest import SITE, World
from tests.kept import keep
from tests.models import CLOCK

pytestmark = pytest.mark.requirement("ARC-D2/admission-needs-a-green-artifact", "ARC-R1/one-signed-release-verdict")
SOON = CLOCK + timedelta(minutes=10)


@pytest.fixture
def policy(world: World) -> Path:
    """Admits what the world's own release policy released."""
    digest = f"sha256:{hashlib.sha256(world.policy.read_bytes()).hexdigest()}"
    path = world.file.with_name("admission.yaml")
    path.write_text(
        f"name: gatekeeper\nvalidFor: PT1H\ngates:\n  released: {{signers: [{{key: own}}], policies: ['{digest}']}}\n"
    )
    return path


def model(world: World) -> str:
    first = world.check().parts[0].artifact
    return next(iter(map(str, _report(world, first).subject.digests)))


def _report(world: World, artifact: str) -> Report:
    with Store.at(world.here.settings) as store:
        return from_statement(vouch(store.get(artifact), grounds(world.here.settings.trust), SOON).statement)


def admit(world: World, policy: Path, *models: str, now: datetime = SOON, site: str = SITE) -> Admitted:
    return admit_workload(Admit(manifest=deployment(*models), policy=str(policy)), world.at(now, site=site))


def bad(found: Admitted) -> set[str]:
    return {one.rule for each in found.report.results for one in each.findings if one.outcome is not Outcome.PASS}


def test_a_released_model_is_admitted_and_another_is_not(world: World, policy: Path) -> None:
    released = model(world)
    assert admit(world, policy, released).report.verdict is Verdict.GREEN
    assert bad(admit(world, policy, f"sha256:{'0' * 64}")) == {"released/release", "released/parts"}
    assert admit(world, policy).report.verdict is Verdict.RED


def test_a_model_that_passed_but_was_not_released_is_refused(world: World, policy: Path) -> None:
    """A sound model alone is no release."""
    checked = world.here.check(world.model, now=CLOCK)
    assert checked.report.verdict is Verdict.GREEN
    assert "released/release" in bad(admit(world, policy, str(checked.report.subject.digests[0])))


def test_it_ends_with_the_release(world: World, policy: Path) -> None:
    released = model(world)
    assert "released/release" in bad(admit(world, policy, released, now=CLOCK + timedelta(days=2)))


def test_another_site_admits_nothing_by_it(world: World, policy: Path) -> None:
    released = model(world)
    for site in ("edge-08", ""):
        assert "released/release" in bad(admit(world, policy, released, site=site))


@pytest.mark.parametrize("part", [0, 1])
def test_a_part_that_is_judged_red_later_takes_the_release_back(world: World, policy: Path, part: int) -> None:
    found = world.check()
    report = _report(world, found.parts[part].artifact)
    released = str(_report(world, found.parts[0].artifact).subject.digests[0])
    worse = tuple(
        replace(one, verdict=Verdict.RED, findings=tuple(replace(each, outcome=Outcome.FAIL) for each in one.findings))
        for one in report.results
    )
    keep(world.here, replace(report, verdict=Verdict.RED, results=worse, judged_at=SOON, runner="direct"))
    refused = admit(world, policy, released)
    assert refused.report.verdict is Verdict.RED
    assert bad(refused) == {"released/parts"}
    assert found.parts[part].part in next(
        one.text for each in refused.report.results for one in each.findings if one.rule == "released/parts"
    )
    again = world.check(SOON + timedelta(minutes=1))
    assert again.report.verdict is Verdict.GREEN
    assert admit(world, policy, released, now=SOON + timedelta(minutes=2)).report.verdict is Verdict.GREEN


def test_a_cited_artifact_that_the_store_lost_takes_the_release_back(world: World, policy: Path) -> None:
    found = world.check()
    released = str(_report(world, found.parts[0].artifact).subject.digests[0])
    object_path(world.here.settings.store, found.parts[1].artifact).unlink()
    assert bad(admit(world, policy, released)) == {"released/parts"}


def test_a_release_that_the_store_lost_is_doubt(world: World, policy: Path) -> None:
    found = world.check()
    released = str(_report(world, found.parts[0].artifact).subject.digests[0])
    object_path(world.here.settings.store, found.artifact).unlink()
    assert bad(admit(world, policy, released)) == {"released/log", "released/release", "released/parts"}


def test_a_revoked_signer_releases_nothing(world: World, policy: Path) -> None:
    released = model(world)
    revoke_key(RevokeKey(key=world.here.signer.public.id, reason="lost"), world.at())
    assert admit(world, policy, released).report.verdict is Verdict.RED


def test_a_new_verdict_of_the_same_name_replaces_the_last_one(world: World, policy: Path) -> None:
    """Its plan changed meanwhile: a RED of the old plan must not stay for ever."""
    text = world.file.read_text()
    world.file.write_text(text + "  other: {flow: supply-chain, target: nowhere}\n")
    released = str(_report(world, world.check().parts[0].artifact).subject.digests[0])
    assert "released/release" in bad(admit(world, policy, released))
    world.file.write_text(text)
    assert world.check(SOON + timedelta(minutes=1)).report.verdict is Verdict.GREEN
    assert admit(world, policy, released, now=SOON + timedelta(minutes=2)).report.verdict is Verdict.GREEN


def test_the_answer_of_an_api_server_says_which_release(world: World, policy: Path) -> None:
    asked = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "abc", "object": json.loads(deployment(f"sha256:{'0' * 64}"))},
    }
    world.check()
    ask = Admit(manifest=json.dumps(asked), policy=str(policy), review=True)
    response = json.loads(admit_workload(ask, world.at(SOON)).review)["response"]
    assert response["allowed"] is False
    assert "is not released here" in response["status"]["message"]
