"""Hosted servers and clients' configurations as parts of a release: taken or judged, and counted like every other part."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.verdict import Verdict
from capabilities.release.check import CheckedRelease, CheckRelease, PreviewRelease, check_release, preview_release
from flows.place import Place
from foundation.settings import Settings
from tests.adapters.hosted_world import hosted_site
from tests.services.config.place import DRAFT, RULES

pytestmark = pytest.mark.requirement("ARC-R1/hosted-servers-and-clients-are-parts")
SITE = "edge-07"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A site whose server ``made`` is GREEN, ``poisoned`` RED and ``unjudged`` neither."""
    return hosted_site(tmp_path_factory.mktemp("hosted"), site=SITE)


def policy(folder: Path, at: Place) -> Path:
    clients, servers = (at.policy(one).digest for one in ("clients", "mirrored"))
    path = folder / "release.policy.yaml"
    path.write_text(
        "name: ours\nvalidFor: P30D\ngates:\n  release:\n    margin: PT1H\n    parts:\n"
        f"      - {{flow: server-gate, policies: ['{servers}'], signers: [{{key: own}}], gates: [server-tools]}}\n"
        f"      - {{flow: client-check, policies: ['{clients}'], signers: [{{key: own}}], least: 0}}\n"
    )
    return path


def described(folder: Path, *servers: str, more: str = "") -> Path:
    path = folder / "release.yaml"
    parts = "".join(f"  {one}: {{flow: server-gate, name: {one}, policy: mirrored}}\n" for one in servers)
    model = f"model: sha256:{'1' * 64}\n"
    path.write_text(f"name: at-{SITE}\nsite: {SITE}\n{model}parts:\n{parts}{more}")
    return path


def check(folder: Path, at: Place, *servers: str, more: str = "", again: bool = False) -> CheckedRelease:
    ask = CheckRelease(description=described(folder, *servers, more=more), policy=str(policy(folder, at)), again=again)
    return check_release(ask, at)


def bad(found: CheckedRelease) -> set[tuple[str, str]]:
    return {
        (one.rule.removeprefix("release/"), one.about)
        for result in found.report.results
        for one in result.findings
        if one.outcome.verdict is not Verdict.GREEN and one.about
    }


def test_a_server_that_may_run_counts_and_is_not_judged_again(world: Place, tmp_path: Path) -> None:
    for again in (False, True):
        found = check(tmp_path, world, "made", again=again)
        assert bad(found) == set()
        (part,) = found.parts
        assert (part.verdict, part.runs) == ("GREEN", False)
    shown = preview_release(PreviewRelease(description=described(tmp_path, "made"), policy=str(policy(tmp_path, world))), world)
    assert "'arcops host gate made' judges it" in shown.parts[0].said


def test_one_that_is_red_and_one_that_no_one_judged_make_it_red(world: Place, tmp_path: Path) -> None:
    found = check(tmp_path, world, "made", "poisoned", "unjudged", "nowhere")
    assert found.report.verdict is Verdict.RED
    assert bad(found) == {("ready", "poisoned"), ("answered", "unjudged"), ("answered", "nowhere")}
    assert {one.part: one.verdict for one in found.parts} == {"made": "GREEN", "poisoned": "RED", "unjudged": "", "nowhere": ""}


def test_an_expired_verdict_another_site_and_another_policy_do_not_count(world: Place, tmp_path: Path) -> None:
    store = shutil.copytree(world.settings.store, tmp_path / "store")  # a store takes nothing that is older than its last
    there = replace(world, settings=replace(world.settings, store=store))
    later = replace(there, now=lambda: world.now() + timedelta(days=8))
    assert ("valid", "made") in bad(check(tmp_path, later, "made"))
    settings: Settings = replace(world.settings, site="edge-08")
    there = replace(world, settings=settings)
    path = described(tmp_path, "made")
    path.write_text(path.read_text().replace(SITE, "edge-08"))
    found = check_release(CheckRelease(description=path, policy=str(policy(tmp_path, world))), there)
    assert ("answered", "made") in bad(found)
    path.write_text(described(tmp_path, "made").read_text().replace("policy: mirrored", "policy: server"))
    found = check_release(CheckRelease(description=path, policy=str(policy(tmp_path, world))), world)
    assert ("answered", "made") in bad(found)


def test_a_draft_for_clients_is_a_part_that_is_judged_like_every_other(world: Place, tmp_path: Path) -> None:
    (tmp_path / "draft.yaml").write_bytes(DRAFT)
    (tmp_path / "rules.yaml").write_bytes(RULES)
    draft = "  draft: {flow: client-check, target: draft.yaml, rules: rules.yaml}\n"
    found = check(tmp_path, world, "made", more=draft)
    assert bad(found) == set(), found.report
    assert {one.part: one.verdict for one in found.parts} == {"made": "GREEN", "draft": "GREEN"}
    (tmp_path / "draft.yaml").write_bytes(DRAFT + b"unknown: key\n")
    found = check(tmp_path, world, "made", more=draft)
    assert found.report.verdict is Verdict.RED
    assert "draft" in {about for _, about in bad(found)}
