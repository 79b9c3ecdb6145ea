"""A check that asks only for names and digests looks into no file, and nothing that it leaves can pass for more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.content import UNDESCRIBED
from arcops.seen.tree import Tree
from arcops.tier import Tier
from arcops.verdict import Verdict
from flows.plan import all_gates, make_plan
from flows.policies.reading import load_policy
from tasks.files import digest_cache
from tasks.model.tree import look
from tests.evidence import NOW, judged

pytestmark = pytest.mark.requirement("ARC-A5/unexpected-files-are-red")


def _asks(tmp_path: Path) -> Request:
    model = tmp_path / "model"
    model.mkdir(exist_ok=True)
    (model / "a.py").write_text("import os\n")
    here = {"trust": tmp_path, "data": tmp_path, "cache": tmp_path / "cache"}
    return Request(target=model, kind="model", tier=Tier.AIR_GAPPED, now=NOW, **here)


LOOKING = [gate for gate in all_gates() if gate.looks_inside and {"integrity", "weights"} & {gate.id}]


@pytest.mark.parametrize("gate", LOOKING, ids=lambda gate: gate.id)
def test_a_gate_that_looks_inside_is_never_green_over_a_file_that_was_not(gate: Any) -> None:
    shown = 0
    for example in gate.examples():
        if example.verdict is not Verdict.GREEN:
            continue
        blind = tuple(
            replace(body, files=tuple(replace(file, content=UNDESCRIBED) for file in body.files))
            if isinstance(body, Tree)
            else body
            for body in example.evidence
        )
        assert judged(gate, example.policy, blind).verdict is Verdict.RED, example.name
        shown += 1
    assert shown


@pytest.mark.parametrize(
    ("gates", "described"), [("{signatures: {}}", False), ("{signatures: {}, integrity: {}}", True), ("{integrity: {}}", True)]
)
def test_content_is_described_if_one_gate_of_the_policy_asks_for_it(tmp_path: Path, gates: str, described: bool) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"name: p\nvalidFor: P7D\ngates: {gates}\n")
    assert make_plan(_asks(tmp_path), load_policy(str(policy))).request.described is described


def test_digests_that_are_kept_do_not_stand_for_a_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_cache, "MARGIN_NS", -(10**9))
    request = _asks(tmp_path)

    def seen(*, described: bool) -> tuple[str, str]:
        (file,) = look.look(replace(request, described=described), Seen({}, at=NOW, subject_name="model")).body.files
        return file.content.format, file.sha256

    blind, sighted = seen(described=False), seen(described=True)
    assert (blind[0], sighted[0]) == ("undescribed", "python")
    assert blind[1] == sighted[1]
    assert seen(described=False) == sighted, "what is known of the file is used"
    assert seen(described=True) == sighted
