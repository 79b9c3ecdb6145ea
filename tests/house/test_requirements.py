"""The list of requirements and the tests that claim to show them agree, both ways."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.requirements import DEFERRED, SHOWN

pytestmark = pytest.mark.xdist_group("requirements")

TESTS = Path(__file__).resolve().parents[1]


@cache
def marked() -> dict[str, set[str]]:
    """Requirement IDs by the test files whose ``requirement`` marks name them."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
                for argument in node.args:
                    assert isinstance(argument, ast.Constant), f"{path}: name requirements as plain strings"
                    found.setdefault(str(argument.value), set()).add(path.name)
    return found


def test_what_is_said_to_be_shown_is_shown() -> None:
    assert set(SHOWN) <= set(marked()), "a requirement counts as shown and no test carries its mark"


def test_tests_name_only_requirements_that_exist() -> None:
    assert set(marked()) <= set(SHOWN) | set(DEFERRED)


def test_what_tests_show_is_not_called_deferred() -> None:
    assert not set(marked()) & set(DEFERRED)


def test_no_requirement_is_both() -> None:
    assert not set(SHOWN) & set(DEFERRED)
