"""A report says the same words at a terminal and in a pipe."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from adapters.cli import present
from adapters.cli.judging import print_lines
from adapters.cli.printing import Colour
from arcops.finding import Finding, Outcome, Waiver
from arcops.result import GateResult, Report
from arcops.subject import Digest, Subject
from arcops.tier import Tier
from arcops.verdict import Verdict, worst
from tests.adapters.typed import typed

NOW = datetime(2031, 1, 2, 3, 4, tzinfo=UTC)
ARTIFACT = "artifact /store/objects/[ab]/cd"

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
    print_lines(REPORTS[name], ARTIFACT)
    plain = capsys.readouterr().out
    out = io.StringIO()
    present.report(REPORTS[name], ARTIFACT, Console(file=out, width=300))

    words = [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]
    few = [line for line in plain.splitlines() if not re.match(r"FAIL g/rule Wrong [56]", line)]
    assert few == [line for line in words if "more of g/rule" not in line]
    assert ("… and 2 more of g/rule" in words) is (name == "many")  # a pipe gets them all
    assert "\x1b" not in plain
    assert ARTIFACT in plain


def test_in_a_pipe_each_finding_is_one_line_without_padding_and_none_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(REPORTS["many"], ARTIFACT)
    lines = capsys.readouterr().out.splitlines()

    assert lines[:2] == ["RED bad", "FAIL g/rule Wrong 0 \\x1b[2J."]
    assert sum(line.startswith("FAIL ") for line in lines) == 7
    assert "→ Fix it." in lines
    assert lines[lines.index("AMBER waived") + 1] == "WARN g/rule It is old. (waived by me until 2031-01-03: for now)"
    assert lines[-3] == f"RED model tiny\\x1b[1m sha256:{'a' * 64}"
    assert lines[-1] == ARTIFACT
    assert not any(line != line.strip() or "  " in line for line in lines)
    assert REPORTS["many"].verdict is Verdict.RED


LONG = f"/srv/{'very-long-folder/' * 8}model.safetensors"
WIDE = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+" + "new: word " * 30 + "\tend\n"
UNBROKEN = report(
    result(
        "g",
        *(finding(Outcome.FAIL, f"{number}: {LONG} is sha256:{'c' * 64}.", patch=f"{WIDE}+{number}\n") for number in range(9)),
    )
)


@pytest.mark.parametrize("columns", [20, 60, 80, 0])
def test_paths_digests_and_patches_are_never_cut(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    if columns:
        present.report(UNBROKEN, LONG, Console(file=out, width=columns, force_terminal=True, color_system=None))
    else:
        print_lines(UNBROKEN, LONG)
        out.write(capsys.readouterr().out)
    shown = out.getvalue()
    lines = [line.removeprefix("  ") for line in shown.splitlines()]
    assert shown.count(LONG) == (6 if columns else 10)  # a terminal shows five findings of a rule, and all show the artifact
    assert shown.count(f"sha256:{'c' * 64}") == (5 if columns else 9)
    assert f"sha256:{'a' * 64}" in shown
    for number in range(9):
        begin = lines.index(f"+{number}") - 5
        assert "\n".join(lines[begin : begin + 6]) == f"{WIDE}+{number}"


@pytest.mark.parametrize("columns", [60, 0])
def test_only_shows_the_colours_that_were_asked_for_and_says_that_there_is_more(
    columns: int, capsys: pytest.CaptureFixture[str]
) -> None:
    given = report(
        result("bad", finding(Outcome.FAIL, "Broken."), finding(Outcome.WARN, "Old."), finding(Outcome.PASS, "Well.")),
        result("waived", WAIVED),
        result("well", finding(Outcome.PASS, "Fine.")),
    )

    def shown(*only: Colour) -> str:
        out = io.StringIO()
        if columns:
            present.report(given, ARTIFACT, Console(file=out, width=columns), only)
        else:
            print_lines(given, ARTIFACT, only)
            out.write(capsys.readouterr().out)
        return out.getvalue()

    red = shown(Colour.RED)
    assert "Broken." in red
    assert not any(word in red for word in ("Old", "old", "Well", "Fine", "waived", "passed"))
    assert "4 of 5 findings are not shown, because of --only red" in red
    both = shown(Colour.RED, Colour.AMBER)
    assert all(word in both for word in ("Broken.", "Old.", "It is old.", "2 of 5"))
    assert "Fine." not in both
    amber = shown(Colour.AMBER)
    assert "Broken." not in amber
    assert "RED" in amber  # the verdict is still that of all
    assert "not shown" not in shown()


def test_a_format_for_machines_is_not_narrowed() -> None:
    done = typed("verify", "nowhere", "--only", "red", "--format", "json", environment={})
    assert done.returncode == 2
    assert "--only narrows the text" in done.stderr


def test_an_unknown_colour_is_refused() -> None:
    done = typed("check", "nowhere", "--only", "red,blue", environment={})
    assert done.returncode == 2
    assert "use one of: red, amber, green" in done.stderr


DEEP = "/".join(["", *(f"{number:0200d}" for number in range(15)), "model"])
DIGEST = f"sha512:{'d' * 128}"


@pytest.mark.parametrize(
    "line",
    [
        "DEEP",
        "DEEP/verify",
        "check DEEP --unsigned",
        "check . DEEP",
        "check . --policy DEEP --unsigned",
        "check . --format DEEP",
        "verify DEEP",
        "show DEEP",
        "compare DEEP DEEP",
        "rejudge DEEP",
        "admit DEEP",
        "policy check DEEP",
        "network reach DEEP --from a/b --to c/d",
        "network check DEEP",
        "keys trust DEEP",
        "data import DEEP",
        "sbom DEEP --version 1 --supplier a --licence MIT",
        "sign DEEP",
        "check . --policy DIGEST --unsigned",
        "check . --tier DIGEST",
    ],
)
def test_a_path_or_a_digest_that_was_typed_is_told_whole(line: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    words = [word.replace("DEEP", DEEP).replace("DIGEST", DIGEST) for word in line.split()]
    done = typed(*words, environment={"ARCOPS_HOME": str(home), "ARCOPS_PASSPHRASE": "for the tests alone"}, cwd=tmp_path)
    assert done.returncode in (1, 2, 3)
    assert (DEEP if "DEEP" in line else DIGEST) in done.stderr + done.stdout
