"""A plan of models on GPUs as a part of a release: judged like every other part, and about the headers as they are now."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.verdict import Verdict
from capabilities.model.sbom import MakeSbom, make_model_sbom
from capabilities.release.check import CheckedRelease, CheckRelease, check_release
from flows.policies.reading import load_policy
from tests.fit_models import TINY, model
from tests.models import CLOCK, Bench, bench

pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict", "ARC-R3/models-fit-together")

SITE = "edge-07"
HOUSE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class World:
    """A release of a model that is good, whose plan is a part of it."""

    here: Bench
    file: Path
    policy: Path

    @property
    def folder(self) -> Path:
        return self.file.parent

    def check(self, now: datetime = CLOCK) -> CheckedRelease:
        place = self.here.place(now=now)
        place = replace(place, settings=replace(place.settings, site=SITE))
        return check_release(CheckRelease(description=self.file, policy=str(self.policy)), place)


@pytest.fixture
def world(tmp_path: Path) -> World:
    here = bench(tmp_path)
    tiny = model(tmp_path / "tiny")
    (tiny / "README.md").write_text("---\nlicense: mit\nlanguage: en\n---\n# Tiny\n\nFor tests.\n")
    make_model_sbom(MakeSbom(target=tiny, version="1.0", supplier="Tests", licence="MIT"), here.place(now=CLOCK))
    here.sign(tiny, now=CLOCK)
    model(tmp_path / "other", {**TINY, "num_hidden_layers": 6})
    (tmp_path / "fit.yaml").write_text(
        "name: edge\ngpus: {edge: {sku: L4}}\nmodels: {chat: {path: ./tiny, engine: llama.cpp, context: 4096}}\n"
    )
    digest = hashlib.sha256(here.policy.read_bytes()).hexdigest()
    policy = tmp_path / "release.policy.yaml"
    policy.write_text(
        "name: ours\nvalidFor: P7D\ngates:\n  release:\n    parts:\n"
        f"      - {{flow: readiness, policies: ['sha256:{digest}'], signers: [{{key: own}}], says: [model]}}\n"
        f"      - {{flow: fit-check, policies: ['{load_policy('fit').digest}'], signers: [{{key: own}}], gates: [fit]}}\n"
    )
    file = tmp_path / "release.yaml"
    file.write_text(
        f"name: tiny-at-{SITE}\nsite: {SITE}\nparts:\n"
        f"  chain: {{flow: readiness, target: tiny, policy: {here.policy}}}\n"
        "  plan: {flow: fit-check, target: fit.yaml}\n"
    )
    return World(here=here, file=file, policy=policy)


def bad(found: CheckedRelease) -> set[tuple[str, str]]:
    """The rule and the part of each finding that is not well."""
    return {
        (one.rule, one.about)
        for result in found.report.results
        for one in result.findings
        if one.outcome not in (Outcome.PASS, Outcome.WARN)
    }


def test_a_plan_that_holds_is_a_part_and_is_taken_again_while_nothing_changed(world: World) -> None:
    first = world.check()
    assert first.report.verdict is Verdict.GREEN, bad(first)
    assert [(one.part, one.verdict, one.runs) for one in first.parts] == [("chain", "GREEN", True), ("plan", "GREEN", True)]
    assert [one.runs for one in world.check(CLOCK + timedelta(hours=1)).parts] == [False, False]


def test_another_header_is_another_plan(world: World) -> None:
    """Mutation: the subject is named by the description alone, and a model that was exchanged keeps its plan."""
    world.check()
    model(world.folder / "tiny", {**TINY, "num_hidden_layers": 6})
    found = world.check(CLOCK + timedelta(hours=1))
    assert [(one.part, one.verdict, one.runs) for one in found.parts] == [("chain", "RED", True), ("plan", "GREEN", True)]
    assert ("release/same", "plan") not in bad(found)


TWO = """\
models:
  chat: {path: ./tiny, engine: llama.cpp, context: 4096}
  more: {path: ./other, engine: llama.cpp, context: 4096}
"""
ONE = "models: {chat: {path: PATH, engine: llama.cpp, context: 4096}}\n"


@pytest.mark.parametrize(
    ("models", "well"),
    [
        (ONE.replace("PATH", "./tiny"), True),
        (ONE.replace("PATH", "./tiny/model.safetensors"), True),
        (ONE.replace("PATH", "../NAME/tiny"), True),
        (ONE.replace("PATH", "./linked"), True),
        (TWO, True),
        (ONE.replace("PATH", "./other"), False),
        (ONE.replace("PATH", "./copied"), False),
    ],
)
def test_a_plan_is_about_the_model_of_its_release(world: World, models: str, well: bool) -> None:
    """Mutation: a plan of any model that fits counts. A copy is another folder, of which no part says what is in it."""
    shutil.copytree(world.folder / "tiny", world.folder / "copied")
    (world.folder / "linked").symlink_to("tiny")
    text = f"name: edge\ngpus: {{edge: {{sku: L4}}}}\n{models.replace('NAME', world.folder.name)}"
    (world.folder / "fit.yaml").write_text(text)
    found = world.check()
    assert [(one.part, one.verdict) for one in found.parts] == [("chain", "GREEN"), ("plan", "GREEN")]
    assert found.report.verdict is (Verdict.GREEN if well else Verdict.RED)
    assert bad(found) == (set() if well else {("release/same", "plan")})


def test_a_plan_whose_model_is_exchanged_for_another_is_red(world: World) -> None:
    """Mutation: what the plan was about when it was judged counts, and not what it is about now."""
    assert world.check().report.verdict is Verdict.GREEN
    file = world.folder / "release.yaml"
    shutil.copytree(world.folder / "tiny", world.folder / "second")
    (world.folder / "second" / "README.md").write_text("---\nlicense: mit\nlanguage: en\n---\n# Second\n\nFor tests.\n")
    file.write_text(file.read_text().replace("target: tiny", "target: second"))
    found = world.check(CLOCK + timedelta(hours=1))
    assert ("release/same", "plan") in bad(found)


def too_much(file: Path) -> None:
    file.write_text(file.read_text().replace("context: 4096", "context: 32768, concurrency: 9999"))


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        (lambda folder: (folder / "tiny" / "model.safetensors").unlink(), "release/ready"),
        (lambda folder: model(folder / "tiny", {**TINY, "num_hidden_layers": 6, "vocab_size": 9000}, []), "release/ready"),
        (lambda folder: too_much(folder / "fit.yaml"), "release/ready"),
        (lambda folder: (folder / "fit.yaml").write_text("name: [\n"), "release/answered"),
        (lambda folder: (folder / "fit.yaml").unlink(), "release/answered"),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_hold_is_red_and_named(world: World, harm: object, rule: str) -> None:
    world.check()
    harm(world.folder)  # type: ignore[operator]  # each is a function of the folder
    found = world.check(CLOCK + timedelta(hours=1))
    assert found.report.verdict is Verdict.RED
    assert (rule, "plan") in bad(found)


def test_the_shipped_policy_of_releases_takes_it_by_the_shipped_policy() -> None:
    text = (HOUSE / "policies" / "release" / "release.yaml").read_text()
    part = text[text.index("flow: fit-check") :]
    assert re.search(r"sha256:[0-9a-f]{64}", part)[0] == load_policy("fit").digest  # type: ignore[index]  # it is there
