"""What helps a person who types: the version, an example in the help of each command, and the word that was meant."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.metadata import version

import pytest

from adapters.cli import helping
from adapters.cli.commands import Command, declared
from adapters.cli.generic import unclaimed
from adapters.cli.main import read
from tests.adapters.typed import typed

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear")

COMMANDS = [one for one in declared() if isinstance(one, Command)]


def test_the_version_is_told_fast() -> None:
    done = typed("--version", environment={})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"arcops {version('arcops')}\n", "")
    code = "import sys; from adapters.cli.main import run; run(['--version']); print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=6000)
    heavy = {"cryptography", "rich", "yaml", "sqlite3", "flows.evaluate", "adapters.cli.model"}
    assert not heavy & set(ended.stderr.split())


@pytest.mark.parametrize("one", COMMANDS, ids=lambda one: one.name)
def test_the_example_in_the_help_is_a_line_that_the_command_accepts(one: Command) -> None:
    shown = helping.command(one)
    line = shown.split("Example:\n  ")[1].splitlines()[0]
    assert shlex.split(line)[: len(one.words) + 1] == ["arcops", *one.words]
    read(shlex.split(line)[1:])


def test_a_command_of_a_new_capability_has_one_too() -> None:
    for one in unclaimed(COMMANDS):
        assert f"Example:\n  {one.name}" in helping.command(one)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("chek", "check"),
        ("network chek", "check"),
        ("check model --polcy pilot", "--policy"),
        ("check . --unsigned --policy sovreign", "sovereign"),
    ],
)
def test_the_word_that_was_meant_is_named_once(line: str, meant: str) -> None:
    done = typed(*line.split(), environment={"ARCOPS_HOME": "/nonexistent"})
    assert done.returncode == 2
    assert done.stderr.count("did you mean") == 1
    assert f"(did you mean {meant}?)" in done.stderr


def test_an_unknown_policy_names_those_that_come_with_arcops() -> None:
    done = typed("check", ".", "--policy", "nonesuch", "--unsigned", environment={"ARCOPS_HOME": "/nonexistent"})
    assert all(name in done.stderr for name in ("pilot", "sovereign", "network-aks-arc", "gpu-bench"))
