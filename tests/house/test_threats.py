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


@pytest.mark.parametrize("row", ROWS)
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
