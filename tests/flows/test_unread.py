"""Something in the model that could not be read leaves no gate that rests on its files GREEN, whichever the policy names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from arcops.verdict import Verdict
from tests.models import bench, good_model

pytestmark = pytest.mark.requirement("ARC-4/no-failed-collector-is-green")

GATES = {
    "integrity": "{}",
    "weights": "{}",
    "sbom": "{}",
    "licence": "{allowed: [MIT], componentLicences: root-only, requiredCardFacts: [licence]}",
    "signatures": '{signers: [{key: "*"}], requireRevocations: false}',
}


def test_a_pipe_among_the_files_is_never_green(tmp_path: Path) -> None:
    here = bench(tmp_path)
    whole = good_model(here)
    broken = tmp_path / "broken" / whole.name
    shutil.copytree(whole, broken)
    os.mkfifo(broken / "LICENSE")
    for gate, settings in GATES.items():
        policy = tmp_path / f"{gate}.yaml"
        policy.write_text(f"name: one\nvalidFor: P1D\ngates:\n  {gate}: {settings}\n")
        assert here.check(whole, policy=str(policy)).report.verdict is Verdict.GREEN, gate
        assert here.check(broken, policy=str(policy)).report.verdict is Verdict.RED, gate
