"""A release of a site with many nodes: each node is a part, checked at the node, and none is left out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from capabilities.release.check import CheckedRelease, PreviewRelease, preview_release
from flows.subjects.meaning import this_machine
from tests.flows.release.conftest import SITE, World
from tests.flows.release.test_release import bad
from tests.kept import finding, keep, report, result
from tests.models import CLOCK

pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict")

NODES = ("gpu-01", "gpu-02", "gpu-03")
POLICY = "name: well\nvalidFor: P2D\ngates: {gpu-health: {}}\n"


@pytest.fixture
def site(world: World) -> World:
    """The world's release, with a part at each of three nodes."""
    folder = world.file.parent
    (folder / "well.yaml").write_text(POLICY)
    digest = f"sha256:{hashlib.sha256(POLICY.encode()).hexdigest()}"
    rule = f"      - {{flow: gpu-validation, policies: ['{digest}'], signers: [{{key: own}}], least: 3}}\n"
    world.policy.write_text(world.policy.read_text() + rule)
    named(world, *NODES)
    return world


def named(world: World, *nodes: str) -> None:
    text = world.file.read_text().partition("  gpus:")[0]
    world.file.write_text(f"{text}  gpus: {{flow: gpu-validation, nodes: [{', '.join(nodes)}], policy: ./well.yaml}}\n")


def healthy(world: World, node: str, *, outcome: Outcome = Outcome.PASS, where: str = SITE) -> None:
    said = result("gpu-health", finding("gpu-health/driver", outcome=outcome))
    made = report(node, said, kind="gpu-node", site=where, at=CLOCK - timedelta(minutes=1))
    digest = f"sha256:{hashlib.sha256(POLICY.encode()).hexdigest()}"
    keep(world.here, replace(made, policy_name="well", policy_digest=digest, valid_until=CLOCK + timedelta(days=2)))


def red(found: CheckedRelease) -> set[tuple[str, str]]:
    return {one for one in bad(found) if one[1].startswith("gpus")}


def test_every_node_answers_by_its_own_artifact(site: World) -> None:
    for node in NODES:
        healthy(site, node)
    found = site.check()
    assert found.report.verdict is Verdict.GREEN, bad(found)
    assert [one.part for one in found.parts if one.part.startswith("gpus")] == [f"gpus.{node}" for node in NODES]
    assert not any(one.runs for one in found.parts if one.part.startswith("gpus"))


def test_a_node_that_is_silent_is_missing_and_is_named(site: World) -> None:
    for node in NODES[:2]:
        healthy(site, node)
    found = site.check()
    assert red(found) == {("release/answered", "gpus.gpu-03")}
    said = next(one.said for one in found.parts if one.part == "gpus.gpu-03")
    assert "about the node gpu-03" in said


def test_a_bad_node_or_one_of_another_site_turns_the_release_red(site: World) -> None:
    healthy(site, "gpu-01")
    healthy(site, "gpu-02", outcome=Outcome.FAIL)
    healthy(site, "gpu-03", where="edge-08")
    assert red(site.check()) == {("release/ready", "gpus.gpu-02"), ("release/answered", "gpus.gpu-03")}


def test_the_policy_says_how_many_nodes_there_must_be(site: World) -> None:
    for node in NODES:
        healthy(site, node)
    named(site, "gpu-01", "gpu-02")
    assert ("release/planned", "gpu-validation") in bad(site.check())


def test_only_this_machine_is_checked_here_even_if_all_run_again(site: World) -> None:
    """Mutation: this machine's own GPUs answer for another node."""
    for node in NODES:
        healthy(site, node)
    again = site.check(again=True)
    assert not any(one.runs for one in again.parts if one.part.startswith("gpus"))
    named(site, *NODES, this_machine())
    seen = preview_release(PreviewRelease(description=site.file, policy=str(site.policy)), site.at())
    assert [one.part for one in seen.parts if one.runs and one.part.startswith("gpus")] == [f"gpus.{this_machine()}"]
    took = {one.part: one.took_s for one in seen.parts}
    assert took["chain"] is not None
    assert took["gpus.gpu-01"] is None  # nothing says when that began


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("gpus: {flow: gpu-validation, nodes: []}", "list of the names"),
        ("gpus: {flow: gpu-validation, nodes: [a, a]}", "twice"),
        ("gpus: {flow: gpu-validation, nodes: [../a]}", "list of the names"),
        ("gpus: {flow: gpu-validation, nodes: 3}", "list of the names"),
        ("files2: {flow: supply-chain, target: tiny, nodes: [a]}", "not about a node"),
        ("gpus: {flow: gpu-validation, nodes: [a]}\n  gpus.a: {flow: gpu-validation}", "the name 'gpus.a'"),
    ],
)
def test_a_wrong_list_of_nodes_is_refused(world: World, wrong: str, said: str) -> None:
    world.file.write_text(f"{world.file.read_text()}  {wrong}\n")
    with pytest.raises(Refused, match=said):
        world.check()
