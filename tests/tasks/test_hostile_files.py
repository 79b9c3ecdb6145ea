"""A model beside which one file can run code is RED; the same model beside the file's harmless twin is GREEN."""

from __future__ import annotations

import json

import pytest

from arcops.finding import Outcome
from arcops.seen.tree import FileSeen, Tree
from arcops.verdict import Verdict
from gates.model.integrity import IntegrityPolicy, integrity
from gates.model.weights.gate import WeightsPolicy, weights
from tasks.model.content import describe
from tasks.model.content.window import Window
from tests.evidence import judged
from tests.tasks.hostile import by_content, by_name, by_template
from tests.tasks.hostile.case import Case
from tests.tasks.hostile.inert import REALISTIC

pytestmark = pytest.mark.requirement("ARC-A5/unexpected-files-are-red")

CASES = (*by_name.CASES, *by_template.CASES, *by_content.CASES)
TENSOR = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
SOUND = {
    "model.safetensors": len(TENSOR).to_bytes(8, "little") + TENSOR + b"1",
    "LICENSE": b"words\n",
    "unet/config.json": b"{}",
}


def judge(files: dict[str, bytes]) -> tuple[Verdict, set[str], list[str]]:
    """The worst colour of both gates that look at every file, the rules that failed, and what they said."""
    tree = Tree(
        root="9" * 64,
        files=tuple(
            FileSeen(path=path, size=len(data), sha256="5" * 64, executable=False, content=describe(Window.over(data), path))
            for path, data in sorted(files.items())
        ),
    )
    gates = ((weights, WeightsPolicy()), (integrity, IntegrityPolicy()))
    results = [judged(gate, policy, [tree]) for gate, policy in gates]  # type: ignore[arg-type]  # each with its own policy
    bad = [finding for result in results for finding in result.findings if finding.outcome is not Outcome.PASS]
    return max(result.verdict for result in results), {finding.rule for finding in bad}, [finding.text for finding in bad]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_that_can_run_code_is_never_green(case: Case) -> None:
    verdict, rules, texts = judge(SOUND | {case.path: case.data})
    assert verdict is Verdict.RED
    assert case.rule in rules, texts
    assert any(case.path.split("/")[-1] in text for text in texts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_its_harmless_twin_is_green(case: Case) -> None:
    path, data = case.twin
    verdict, _, texts = judge(SOUND | {path: data})
    assert verdict is Verdict.GREEN, texts


def test_no_two_cases_are_one() -> None:
    assert len({(case.path, case.data) for case in CASES}) == len(CASES)


def test_what_real_folders_hold_is_green_together() -> None:
    verdict, _, texts = judge(SOUND | REALISTIC)
    assert verdict is Verdict.GREEN, texts


@pytest.mark.parametrize("path", REALISTIC)
def test_each_of_it_is_green_alone(path: str) -> None:
    verdict, _, texts = judge(SOUND | {path: REALISTIC[path]})
    assert verdict is Verdict.GREEN, texts
