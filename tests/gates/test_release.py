"""What the gate ``release`` says that its examples do not show, and the policies that come with it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.judge import judge
from arcops.policy import SKEW
from arcops.seen.release import ReleaseParts
from arcops.verdict import Verdict
from flows.policies.reading import load_policy
from gates.release.release.examples import examples
from gates.release.release.gate import PartRule, ReleasePolicy, release
from tests.evidence import NOW, evidence

HOUSE = Path(__file__).resolve().parents[2]
POLICIES = (HOUSE / "policies" / "release" / "release.yaml", HOUSE / "deployments" / "local" / "release-policy.yaml")
pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict")


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_the_policies_of_parts_are_those_that_come_with_it(path: Path) -> None:
    """Mutation: a shipped policy changes, and its digest here stays."""
    named = re.findall(r"(sha256:[0-9a-f]{64})\]? # ([a-z-]+)", path.read_text())
    assert len(named) == path.read_text().count("sha256:")
    assert [digest for digest, _ in named] == [load_policy(name).digest for _, name in named]
    assert load_policy(str(path) if path != POLICIES[0] else "release").gates["release"]


def test_a_signers_clock_that_is_a_little_ahead_is_a_warning() -> None:
    good = next(one for one in examples() if one.verdict is Verdict.GREEN)
    (body,) = good.evidence
    assert isinstance(body, ReleaseParts)
    part = body.parts[1]
    for ahead, verdict in ((SKEW / 2, Verdict.AMBER), (SKEW * 2, Verdict.RED)):
        answer = replace(part.answers[0], judged_at=NOW + ahead)
        changed = replace(body, parts=(body.parts[0], replace(part, answers=(answer,))))
        given = {changed.KIND: evidence(changed)}
        result = judge(release, good.policy, given, at=NOW, subject_name="release", skew=SKEW)  # type: ignore[arg-type]  # any gate
        assert result.verdict is verdict


def test_a_policy_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(Refused, match="two rules"):
        ReleasePolicy(parts=(PartRule(flow="readiness"), PartRule(flow="readiness", least=0)), margin=timedelta(0))
    with pytest.raises(Refused, match="-1 parts"):
        PartRule(flow="readiness", least=-1)


def test_a_part_that_could_not_be_checked_says_why_and_not_that_its_policy_is_wrong() -> None:
    """Mutation: the policy is looked at first, and a part that never got one hides why."""
    good = next(one for one in examples() if one.verdict is Verdict.GREEN)
    (body,) = good.evidence
    assert isinstance(body, ReleaseParts)
    lost = replace(body.parts[1], policy="", answers=(), problem="the snapshot does not exist")
    changed = replace(body, parts=(body.parts[0], lost))
    result = judge(release, good.policy, {changed.KIND: evidence(changed)}, at=NOW, subject_name="release")  # type: ignore[arg-type]  # any gate
    assert result.verdict is Verdict.RED
    said = [one.text for one in result.findings]
    assert any("it could not be checked: the snapshot does not exist" in text for text in said)
    assert not any("does not count" in text for text in said)
