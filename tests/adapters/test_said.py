"""A report says the same words at a terminal and in a pipe."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from adapters.cli import present, said
from arcops.finding import Finding, Outcome, Waiver
from arcops.result import GateResult, Report
from arcops.subject import Digest, Subject
from arcops.tier import Tier
from arcops.verdict import Verdict, worst

NOW = datetime(2031, 1, 2, 3, 4, tzinfo=UTC)
ARTIFACT = "/store/objects/[ab]/cd"

pytestmark = pytest.mark.requirement("ARC-1/people-can-read-it")


def finding(outcome: Outcome, text: str, *, rule: str = "g/rule", fix: str = "", patch: str = "") -> Finding:
    return Finding(rule=rule, outcome=outcome, text=text, fix=fix, patch=patch)


def result(gate: str, *findings: Finding) -> GateResult:
    return GateResult(gate=gate, verdict=worst(one.outcome.verdict for one in findings), findings=findings)


def report(*results: GateResult) -> Report:
    return Report(
        subject=Subject(name="tiny\x1b[1m", kind="model", digests=(Digest(algorithm="sha256", value="a" * 64),)),
        verdict=worst(one.verdict for one in results),
        results=results,
        evidence=(),
        missing=(),
        policy_name="pilot",
        policy_digest=f"sha256:{'b' * 64}",
        tier=Tier.AIR_GAPPED,
        runner="direct",
        judged_at=NOW,
        valid_until=NOW + timedelta(days=7),
    )


PATCH = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n"
WAIVED = replace(
    finding(Outcome.WARN, "It is old."),
    waiver=Waiver(rule="g/rule", subject="*", owner="me", reason="for now", expires=NOW + timedelta(days=1)),
)
REPORTS = {
    "well": report(result("well", finding(Outcome.PASS, "All is well."), finding(Outcome.PASS, "This too."))),
    "many": report(
        result("bad", *(finding(Outcome.FAIL, f"Wrong {number} \x1b[2J.", fix="Fix it.") for number in range(7))),
        result("mixed", finding(Outcome.PASS, "Well."), finding(Outcome.UNKNOWN, "Unseen [bold].", patch=PATCH)),
        result("waived", WAIVED),
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_both_say_the_same(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said.plainly(REPORTS[name], ARTIFACT)
    plain = capsys.readouterr().out
    out = io.StringIO()
    present.report(REPORTS[name], ARTIFACT, Console(file=out, width=300))

    assert [" ".join(line.split()) for line in plain.splitlines()] == [
        " ".join(line.split()) for line in out.getvalue().splitlines()
    ]
    assert "\x1b" not in plain
    assert ARTIFACT in plain


def test_in_a_pipe_each_sentence_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said.plainly(REPORTS["many"], ARTIFACT)
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == " RED     bad     FAIL g/rule Wrong 0 \\x1b[2J."
    assert "                 … and 2 more of g/rule" in lines
    assert "                 → Fix it." in lines
    assert " AMBER   waived  WARN g/rule It is old. (waived by me until 2031-01-03: for now)" in lines
    assert "                   +new" in lines
    assert lines[-3] == f" RED   model tiny\\x1b[1m sha256:{'a' * 64}"
    assert lines[-1] == f"artifact {ARTIFACT}"
    assert REPORTS["many"].verdict is Verdict.RED
