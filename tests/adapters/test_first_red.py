"""The first RED of a model that came with nothing: what is missing in one line, and the commands that make it."""

from __future__ import annotations

import json
import re
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.cli import main
from arcops.bodies import body_of
from arcops.discovery import classes
from arcops.evidence import Body, Cause, Missing, without
from arcops.finding import Finding, Outcome
from arcops.repairing import Repair
from artifacts.projections.folding import MOST_NEXT, Here, told
from artifacts.projections.lines import lines
from tests.adapters.test_said import report, result
from tests.adapters.typed import Done, typed

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear", "ARC-1/people-can-read-it")

USAGE, RED = 2, 3
FACTS = {
    "VERSION": "1.0",
    "SUPPLIER": "'Example Ltd'",
    "LICENCE": "MIT",
    "BUILDER": "https://arcops.dev/builders/local",
    "SOURCE": "https://huggingface.co/us/model",
}
"""What only a person knows, and a line has in capitals."""

REPAIRS = [(body, repair) for body in classes("arcops.seen", Body) for repair in body.REPAIRS]


class Person:
    """Someone who has a model in a folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / "my model"
        self.model.mkdir()
        (self.model / "config.json").write_text("{}", encoding="utf-8")
        self.export = folder / "all.zip"
        self.around = {"ARCOPS_HOME": str(folder / "home"), "ARCOPS_PASSPHRASE": "for the tests alone"}
        (folder / "home").mkdir(mode=0o700)

    def types(self, *line: str | Path) -> Done:
        return typed(*line, environment=self.around, cwd=self.model.parent)

    def looks(self, *options: str) -> Done:
        done = self.types("check", "my model", "--unsigned", "--policy", "pilot", *options)
        assert done.returncode == RED, done.stderr
        return done

    def fills(self, line: str) -> list[str]:
        """*line* after 'Next: arcops', with this person's facts instead of words in capitals."""
        known = FACTS | {"EXPORT.zip": shlex.quote(str(self.export))}
        return shlex.split(
            re.sub(r"\b(EXPORT\.zip|[A-Z]{4,})\b", lambda found: known[found[0]], line.removeprefix("Next: arcops "))
        )


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


def next_of(done: Done) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("Next: ")]


def test_what_is_missing_is_one_line_and_the_lines_at_the_end_make_it(person: Person) -> None:
    with zipfile.ZipFile(person.export, "w") as archive:
        for path in sorted(Path("deployments/local/advisories").resolve().glob("*.json")):
            archive.write(path, path.name)
    seen: list[list[str]] = []
    while nexts := next_of(done := person.looks()):
        assert done.stdout.splitlines()[-len(nexts) :] == nexts
        assert len(nexts) <= MOST_NEXT
        seen.append(nexts)
        assert len(seen) < 5, seen
        for line in nexts:
            made = person.types(*person.fills(line))
            assert made.returncode == 0, f"{line}: {made.stderr}"
    assert [len(one) for one in seen] == [3, 2], seen
    assert "is missing" not in done.stdout
    left = json.loads(person.looks("--format", "json").stdout)["predicate"]["missing"]
    assert [one["kind"] for one in left] == ["vex"]  # which no gate of this policy needs


def test_no_fail_is_folded_and_all_unfolds(person: Person) -> None:
    short, whole = person.looks().stdout, person.looks("--all").stdout
    (folded,) = (line for line in short.splitlines() if "rest on evidence that is missing" in line)
    assert folded.startswith("RED 5 more findings in 5 gates (licence, provenance, sbom, signatures, vulnerabilities)")
    assert folded.endswith("attestations, sboms, signatures; --all shows each")
    assert "UNKNOWN" not in short
    assert whole.count("UNKNOWN") == 5
    assert "rest on evidence" not in whole
    fails = [line for line in whole.splitlines() if line.startswith("FAIL ")]
    assert fails
    assert [line for line in short.splitlines() if line.startswith("FAIL ")] == fails
    assert "Next:" not in person.looks("--format", "markdown").stdout


def test_a_gate_says_once_what_is_missing(person: Person) -> None:
    lines = person.looks("--all").stdout.splitlines()
    begin = lines.index("RED vulnerabilities")
    (said,) = (line for line in lines[begin : begin + 3] if line.startswith("UNKNOWN"))
    assert said.startswith("UNKNOWN vulnerabilities/judged Evidence 'sboms' is missing")


@pytest.mark.parametrize(("body", "repair"), REPAIRS, ids=lambda one: one.line if isinstance(one, Repair) else one.KIND)
def test_every_line_is_one_that_the_reader_accepts(body: type[Body], repair: Repair) -> None:
    lost = Missing(kind=body.KIND, collector="c", cause=Cause.REFUSED, reason=f"{repair.said[0]} x")
    lines = told(missing(lost), here=Here(target="-odd ' name", public="/k/a b.pub", keyless=repair.keyless)).next
    assert lines
    for line in lines:
        main.read(shlex.split(line)[1:])


def test_a_subject_cannot_add_to_a_line() -> None:
    lost = Missing(kind="sboms", collector="c", cause=Cause.REFUSED, reason="no SBOM was found in x")
    given = missing(lost)
    for name in ("--python=/etc", "x; reboot", "$(reboot)", "{public}"):
        (line,) = told(replace(given, subject=replace(given.subject, name=name))).next
        assert shlex.split(line)[2].removeprefix("./") == name


def test_evidence_that_no_line_of_ours_makes_is_told_in_full() -> None:
    lost = [
        Missing(kind="sboms", collector="c", cause=Cause.BROKEN, reason="c failed: ValueError: 1"),
        Missing(kind="signatures", collector="c", cause=Cause.DEADLINE, reason="no answer in 120 s"),
        Missing(kind="vulnerabilities", collector="c", cause=Cause.ABSENT, reason=without("sboms", "c failed: ValueError: 1")),
    ]
    said = "\n".join(lines(missing(*lost)))
    assert all(one.said in said for one in lost)
    assert "rest on" not in said
    assert "Next:" not in said


def test_an_unknown_that_only_looks_like_missing_evidence_is_shown() -> None:
    """A gate's own UNKNOWN is shown, whatever it says, if the report does not list that evidence as missing."""
    lost = [
        Missing(kind=kind, collector="c", cause=Cause.REFUSED, reason=f"{body_of(kind).NONE} x")
        for kind in ("sboms", "signatures", "attestations")
    ]  # type: ignore[union-attr]
    given = missing(*lost)
    assert told(given).folded
    few = told(replace(given, results=given.results[:2]))
    assert (few.folded, len(few.shown), len(few.next)) == ("", 2, 2)
    assert not told(replace(given, missing=())).folded
    fails = tuple(
        replace(one, findings=tuple(replace(finding, outcome=Outcome.FAIL) for finding in one.findings))
        for one in given.results
    )
    assert not told(replace(given, results=fails)).folded


def missing(*lost: Missing):  # type: ignore[no-untyped-def]
    """A report of a gate for each of *lost*, which says only that."""
    gates = (
        result(f"g{number}", Finding(rule=f"g{number}/judged", outcome=Outcome.UNKNOWN, text=one.said))
        for number, one in enumerate(lost)
    )
    return replace(report(*gates), missing=lost)
