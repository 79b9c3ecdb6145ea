"""The command line is a client of the tools and nothing more: each command calls one, and each tool has its command."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator

import pytest
import typer

import adapters.cli
from adapters.cli import doors
from adapters.cli.main import app
from capabilities.catalogue import all_tools
from capabilities.contract import Tool

pytestmark = pytest.mark.requirement("ARC-3")

OPEN_DOORS = {command.callback for command in doors.app.registered_commands}
"""``mcp``, ``web`` and ``server`` call no tool: they let others call."""


def commands(group: typer.Typer) -> Iterator[object]:
    """Every command's function, of *group* and of the groups in it."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield command.callback
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from commands(below.typer_instance)


COMMANDS = sorted(set(commands(app)) - OPEN_DOORS, key=lambda one: one.__name__)  # type: ignore[attr-defined]  # they are functions


def answered(function: object, seen: set[object] | None = None) -> set[str]:
    """The names of the tools that *function* calls through ``answer``, itself or by functions of ours that it calls."""
    seen = set() if seen is None else seen
    if function in seen or not inspect.isfunction(function):
        return set()
    seen.add(function)
    inside = inspect.getmodule(function)
    assert inside is not None
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known = dict(vars(inside))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("adapters"):
            home = importlib.import_module(str(node.module))
            for name in node.names:
                found = getattr(home, name.name, None) or importlib.import_module(f"{node.module}.{name.name}")
                known[name.asname or name.name] = found
    tools: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = _value(node.func, known)
        if getattr(called, "__name__", "") == "answer" and getattr(called, "__module__", "") == "adapters.cli.answering":
            tool = _value(node.args[0], known)
            assert isinstance(tool, Tool), f"{inside.__name__}.{function.__name__} answers with what is no tool"
            tools.add(tool.name)
        elif str(getattr(called, "__module__", "")).startswith("adapters.cli"):
            tools |= answered(called, seen)
    return tools


def _value(node: ast.expr, known: dict[str, object]) -> object:
    """What a name or an attribute stands for, or nothing."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, known), node.attr, None)
    return None


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.__name__)
def test_each_command_calls_a_tool(command: object) -> None:
    assert answered(command)


def test_each_tool_has_its_command() -> None:
    called = {name for command in COMMANDS for name in answered(command)}
    assert called == {tool.name for tool in all_tools()}


def test_no_command_reaches_round_the_tools() -> None:
    """What a command would do by itself, an agent and a page could not do, and a server would not be asked for."""
    allowed = {"adapters.cli.surroundings", "adapters.cli.serving"}  # what a place is made of, and what is served at one
    for found in pkgutil.iter_modules(adapters.cli.__path__, "adapters.cli."):
        if found.name in allowed or found.name.endswith("__main__"):
            continue
        for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(found.name)))):
            if isinstance(node, ast.ImportFrom):
                assert not str(node.module).startswith(("flows", "tasks", "gates")), f"{found.name} imports {node.module}"
                names = {name.name for name in node.names}
                assert not names & {"Store", "seal_statement", "open_sealed", "load_signer"}, f"{found.name} imports {names}"
