"""Many patches as one: it fits, it makes all the changes, and two that get in one another's way are never both in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amend.diff import _hunks, new_file
from arcops.finding import Location
from arcops.seen.network import Passage
from artifacts.projections.joining import joined
from tests.patching import applied, by_replacements

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix")

FILE = [f"line {number}" for number in range(1, 41)]


def patch(old: list[str], new: list[str], path: str = "a.yaml") -> str:
    """From *old* to *new*, as findings have it."""
    text, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    passage = Passage(at=Location(path=path, line=1), first=1, text=text, opens=True, ends=True)
    return f"--- a/{path}\n+++ b/{path}\n{_hunks(passage, after, 0)}"


def changed(*numbers: int, word: str = "changed") -> list[str]:
    return [f"{word} {line}" if number in numbers else line for number, line in enumerate(FILE, start=1)]


def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old"
    made.mkdir()
    (made / "a.yaml").write_text("".join(f"{line}\n" for line in FILE))
    (made / "b.yaml").write_text("".join(f"{line}\n" for line in FILE))
    return made


def test_patches_of_one_file_and_of_others_are_one_that_both_programs_take(tmp_path: Path) -> None:
    old = folder(tmp_path)
    after = [*FILE[:30], "more", "and more", *FILE[30:]]
    parts = [
        patch(FILE, changed(20)),
        patch(FILE, changed(1)),
        patch(FILE, changed(17, 18)),  # its lines around the change are those of another
        patch(FILE, after),
        patch(FILE, [*FILE[:-2], "end"]),
        patch(FILE, changed(9), path="b.yaml"),
        new_file("new.yaml", "kind: A\nname: b"),
        patch(FILE, changed(1)),  # once more
    ]
    found = joined(parts)
    assert (found.count, found.files, found.left) == (7, 3, 0)
    new = applied(found.text, old, tmp_path / "new")
    lines = (new / "a.yaml").read_text().splitlines()
    assert [line for line in lines if "changed" in line] == [f"changed line {number}" for number in (1, 17, 18, 20)]
    assert lines[30:32] == ["more", "and more"]
    assert lines[-2:] == ["line 38", "end"]
    assert (new / "new.yaml").read_text() == "kind: A\nname: b\n"


@pytest.mark.parametrize(
    "other",
    [
        patch(FILE, changed(10, word="other")),
        patch(FILE, changed(11)),  # beside it
        patch(FILE, [*FILE[:9], "between", *FILE[9:]]),
        patch(["another file", *FILE[1:]], ["changed", *FILE[1:]], path="new.yaml"),
        new_file("new.yaml", "kind: B"),
        patch(FILE, changed(30)).replace("line 29", "line 92"),
        patch(FILE, changed(30)).replace("a.yaml", "../a.yaml"),
        "not a patch",
        "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,9 +1,9 @@\n line 1\n",
    ],
)
def test_one_that_gets_in_the_way_is_left_out_and_counted(other: str) -> None:
    first = [patch(FILE, changed(10)), patch(FILE, changed(27)), new_file("new.yaml", "kind: A")]
    found = joined([*first, other])
    assert (found.count, found.left) == (3, 1)
    assert found.text == joined(first).text


def test_without_a_patch_there_is_none() -> None:
    assert joined(["", ""]).text == ""


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["change", "drop", "add"])), min_size=1, max_size=6))
def test_what_is_joined_makes_each_change_and_nothing_else(edits: list[tuple[int, str]]) -> None:
    made = []
    for number, what in edits:
        line = FILE[number - 1]
        put = {"change": [f"new {line}"], "drop": [], "add": [line, f"after {line}"]}[what]
        made.append((number, put, patch(FILE, [*FILE[: number - 1], *put, *FILE[number:]])))
    taken: list[tuple[int, list[str]]] = []
    parts: list[str] = []
    for number, put, text in made:
        if joined([*parts, text]).count > len(parts):
            parts.append(text)
            taken.append((number, put))
    found = joined(one for _, _, one in made)
    assert found.text == joined(parts).text
    assert found.count == len(parts) >= 1
    wanted = [[line] for line in FILE]
    for number, put in taken:
        wanted[number - 1] = put
    assert _replaced(found.text) == [line for lines in wanted for line in lines]


def _replaced(text: str) -> list[str]:
    from artifacts.projections.patches import changes

    lines = list(FILE)
    for one in sorted(changes(text), key=lambda one: -one.first):
        lines[one.first - 1 : one.last] = one.lines
    return lines


def test_by_replacements_agrees(tmp_path: Path) -> None:
    found = joined([patch(FILE, changed(2)), patch(FILE, changed(39))])
    assert by_replacements(found.text, folder(tmp_path))["a.yaml"].splitlines() == changed(2, 39)
