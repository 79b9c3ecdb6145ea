"""A release checks for a caller only what they may check by the part's own tool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.identity import Identity
from arcops.verdict import Verdict
from capabilities.catalogue import all_tools
from capabilities.release.check import CheckedRelease, CheckRelease, check_release
from flows.subjects.evaluation import all_evaluations
from tests.flows.release.conftest import World

pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict", "BASE-3/roles-down-to-a-tool")

ADA = Identity(issuer="https://login.example", tenant="", id="ada", scopes=frozenset(("read", "check", "connect")))


def check(world: World, denied: str = "", *, permit: bool = True, **more: Any) -> tuple[CheckedRelease, list[tuple[str, str]]]:
    """The release, checked for a caller who may not call the tool *denied*, and each tool and policy that was asked about."""
    asked: list[tuple[str, str]] = []

    def may(tool: Any, ask: Any) -> None:
        asked.append((tool.name, ask.policy))
        if tool.name == denied:
            raise Refused("a policy of this site denies it")

    at = replace(world.at(), caller=ADA, permit=may if permit else None)
    return check_release(CheckRelease(description=world.file, policy=str(world.policy), **more), at), asked


def problems(found: CheckedRelease) -> set[str]:
    return {
        one.text
        for result in found.report.results
        for one in result.findings
        if one.outcome is Outcome.FAIL and "could not be checked" in one.text
    }


def test_each_part_that_runs_is_asked_about_with_its_own_policy(world: World) -> None:
    found, asked = check(world)
    assert found.report.verdict is Verdict.GREEN
    assert {tool for tool, _ in asked} == {"check_model"}
    assert {policy.rpartition("/")[2] for _, policy in asked} == {"policy.yaml", "short.yaml"}
    again, nothing = check(world)
    assert (again.report.verdict, nothing) == (Verdict.GREEN, []), "nothing ran"


def test_a_part_that_the_caller_may_not_check_does_not_run_and_the_release_is_red(world: World) -> None:
    """Mutation: who may call `check_release` runs every check."""
    found, _ = check(world, "check_model")
    assert found.report.verdict is Verdict.RED
    assert len(problems(found)) == 2
    assert all("may not check it by check_model: a policy of this site denies it" in one for one in problems(found))
    assert world.kept() == 1, "the release's own verdict alone"


def test_without_an_answer_about_a_known_caller_nothing_runs(world: World) -> None:
    found, _ = check(world, permit=False)
    assert found.report.verdict is Verdict.RED
    assert world.kept() == 1


def test_what_is_valid_needs_no_permission_to_be_judged(world: World) -> None:
    world.check()
    found, asked = check(world, "check_model", kept_only=True)
    assert (found.report.verdict, asked) == (Verdict.GREEN, [])


def test_each_kind_of_part_that_runs_has_one_tool_of_its_own() -> None:
    elsewhere = {"admission", "release-readiness", "server-gate", "server-gate-unstarted"}
    for one in all_evaluations():
        tools = [tool.name for tool in all_tools() if tool.ask.__mro__[1] is one.subject]
        assert len(tools) == (0 if one.flow in elsewhere else 1), (one.flow, tools)
