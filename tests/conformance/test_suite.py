"""What `make conformance` counts as passed. A run that saw nothing is never one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.kit import Kit
from tests.conformance.suite import Outcome, found

pytestmark = pytest.mark.requirement("BASE-1/passes-the-conformance-suite")

GOOD = [{"id": "one", "status": "SUCCESS"}, {"id": "two", "status": "INFO"}]


def wrote(out: Path, name: str, checks: object) -> None:
    folder = out / f"server-{name}-2026-11-21T08-00-00-000Z"
    folder.mkdir()
    (folder / "checks.json").write_text(json.dumps(checks))


def outcome(out: Path, *wrong: str) -> Outcome:
    return Outcome(title="title", scenarios=found(out), wrong=wrong)


def test_what_passed(tmp_path: Path) -> None:
    wrote(tmp_path, "ping", GOOD)
    wrote(tmp_path, "tasks-status-notifications", [{"id": "none", "status": "SKIPPED"}])
    assert outcome(tmp_path).good
    assert outcome(tmp_path).lines()[0] == "title: 1 of 1 scenarios passed, 1 checks"


@pytest.mark.parametrize("status", ["FAILURE", "WARNING", "SKIPPED", "SOMETHING"])
def test_one_check_that_did_not_pass(tmp_path: Path, status: str) -> None:
    wrote(tmp_path, "ping", [*GOOD, {"id": "three", "status": status, "errorMessage": "why"}])
    assert not outcome(tmp_path).good
    assert any(f"WRONG ping: {status} three: why" in line for line in outcome(tmp_path).lines())


@pytest.mark.parametrize("checks", [[], [{"id": "two", "status": "INFO"}]])
def test_a_scenario_in_which_nothing_was_seen(tmp_path: Path, checks: list[object]) -> None:
    wrote(tmp_path, "ping", checks)
    assert not outcome(tmp_path).good


def test_a_scenario_that_wrote_nothing(tmp_path: Path) -> None:
    (tmp_path / "server-ping-2026-11-21T08-00-00-000Z").mkdir()
    assert not outcome(tmp_path).good


def test_no_scenario_at_all(tmp_path: Path) -> None:
    assert not outcome(tmp_path).good
    assert "WRONG no scenario ran" in outcome(tmp_path).lines()[-1]


def test_a_run_that_ended_badly(tmp_path: Path) -> None:
    wrote(tmp_path, "ping", GOOD)
    assert not outcome(tmp_path, "the suite ended with 1").good


def test_a_kit_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make conformance"):
        Kit(folder=tmp_path, home=tmp_path).run("conformance", "list")
