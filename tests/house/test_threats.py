"""Every threat on the page names a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PAGE = (HOUSE / "docs" / "threats.md").read_text()
WHO, WHAT = PAGE.split("## What they try, and the test for it")
ROWS = [line for line in WHAT.splitlines() if line.startswith("| ")][1:]
DOORS = {
    one.partition("`")[2].partition("`")[0]: [line for line in one.splitlines() if line.startswith("| ")][1:]
    for one in (HOUSE / "docs" / "stride.md").read_text().split("\n## ")[1:]
    if one.partition("\n")[0].endswith("`")
}
KINDS = {"spoofing", "tampering", "repudiation", "disclosure", "denial of service", "elevation"}

pytestmark = pytest.mark.requirement("ARC-4/threats-have-tests")


@cache
def named_in(path: str) -> frozenset[str]:
    """The tests of a file, as ``Class::name`` or ``name``."""
    found = set()
    for node in ast.parse((HOUSE / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(found)


@pytest.mark.parametrize("row", [*ROWS, *(row for rows in DOORS.values() for row in rows)])
def test_a_threat_names_tests_that_exist(row: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", row)
    assert named, "no test holds it"
    for one in named:
        path, _, test = one.partition("::")
        assert test in named_in(path), f"{path} has no {test}"


def test_every_attacker_is_named_and_tries_something() -> None:
    known = {line.split("|")[1].strip() for line in WHO.splitlines() if line.startswith("| ")} - {"who"}
    trying = {row.split("|")[1].strip() for row in ROWS}
    assert trying == known


def test_every_door_has_rows() -> None:
    rooms = {f"adapters/{one.parent.name}" for one in (HOUSE / "adapters").glob("*/__init__.py")}
    assert rooms <= set(DOORS), "docs/stride.md lacks a door"
    assert all((HOUSE / one).exists() for one in DOORS)


@pytest.mark.parametrize("door", sorted(DOORS))
def test_a_door_has_all_six_kinds_each_with_a_threat_and_what_stands_against_it(door: str) -> None:
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in DOORS[door]]
    assert {one[0] for one in cells} == KINDS
    assert all(len(one) == 4 and all(one) for one in cells)
