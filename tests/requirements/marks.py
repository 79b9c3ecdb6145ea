"""The marks of the tests: which claims they say that they show."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


@cache
def marked() -> dict[str, tuple[str, ...]]:
    """Claims by id, each with the test files whose ``requirement`` marks name it, by their paths below ``tests``."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
                for argument in node.args:
                    if not isinstance(argument, ast.Constant):
                        raise TypeError(f"{path}: write the ids of claims as plain strings")
                    found.setdefault(str(argument.value), set()).add(path.relative_to(TESTS).as_posix())
    return {id_: tuple(sorted(files)) for id_, files in sorted(found.items())}
