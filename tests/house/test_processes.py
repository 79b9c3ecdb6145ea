"""Processes are started in one room, and our packages are named in one place."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.rooms import ROOMS
from tests.house import test_floors

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.requirement("ARC-0/code-keeps-to-its-place")

_MODULES = {"subprocess", "multiprocessing", "pty", "_posixsubprocess", "concurrent.futures.process", "uvicorn.supervisors"}
_OF_OS = ("exec", "spawn", "fork", "posix_spawn", "system", "popen", "startfile")
_CALLED = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell", "open_process",
           "run_process", "ProcessPoolExecutor", "to_process", "run_sync_in_process"}  # fmt: skip
_ALLOWED = {"adapters/http/reloading.py": {"uvicorn.supervisors", "uvicorn.supervisors.ChangeReload"}}
"""It restarts the server for developers of ArcOps, and tells Python not to import from the working folder."""


def starts(source: str) -> set[str]:
    """What in *source* starts a process, or is a module that does."""
    return set(_starts(ast.parse(source)))


def _starts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if _is_module(one.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if _is_module(module):
                yield module
            for one in node.names:
                if _is_module(f"{module}.{one.name}"):
                    yield f"{module}.{one.name}"
                if (module == "os" and one.name.startswith(_OF_OS)) or (one.name in _CALLED):
                    yield one.name
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in ("os", "posix") and node.attr.startswith(_OF_OS):
                yield f"os.{node.attr}"
            if node.attr in _CALLED:
                yield node.attr
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0] if node.args else None
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant) and _is_module(str(first.value)):
                yield str(first.value)


def _is_module(name: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in _MODULES)


def test_processes_are_started_in_one_room() -> None:
    found = {}
    for room in ROOMS:
        for path in (HOUSE / room).rglob("*.py"):
            name = str(path.relative_to(HOUSE))
            if not name.startswith("foundation/processes/"):
                found[name] = starts(path.read_text()) - _ALLOWED.get(name, set())
    assert {name: what for name, what in found.items() if what} == {}
    assert starts((HOUSE / "foundation" / "processes" / "starting.py").read_text()) >= {"subprocess", "os.execve"}


@pytest.mark.parametrize(
    "planted",
    [
        "import subprocess",
        "import subprocess as s",
        "from subprocess import run",
        "import multiprocessing.pool",
        "from concurrent.futures import ProcessPoolExecutor",
        "from concurrent import futures\nfutures.ProcessPoolExecutor()",
        "import os\nos.execv('/bin/sh', [])",
        "import os\nos.posix_spawn('/bin/sh', [], {})",
        "from os import system",
        "import os\nos.fork()",
        "import asyncio\nasyncio.create_subprocess_exec('sh')",
        "from asyncio import create_subprocess_shell",
        "import asyncio\nasyncio.get_event_loop().subprocess_exec(None)",
        "import anyio\nanyio.run_process('sh')",
        "from importlib import import_module\nimport_module('subprocess')",
        "__import__('multiprocessing')",
        "def later():\n    import pty",
    ],
)
def test_a_planted_start_shows(planted: str) -> None:
    assert starts(planted)


def test_every_list_of_our_packages_is_the_one() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]
    assert tuple(project["hatch"]["build"]["targets"]["wheel"]["packages"]) == ROOMS
    assert set(project["ruff"]["lint"]["isort"]["known-first-party"]) == {*ROOMS, "tests"}
    code = {room for room in ROOMS if room != "policies"}  # which holds YAML alone
    assert set(project["mypy"]["packages"]) == code
    assert set(project["importlinter"]["root_packages"]) == code
    assert test_floors.ROOMS == ROOMS
    ours = {path.parent.name for path in HOUSE.glob("*/__init__.py")} - {"tests", "benches"}
    assert ours == set(ROOMS)
