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
from adapters.cli.main import everything, read
from tests.adapters.typed import typed

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear")

COMMANDS = [one for one in declared() if isinstance(one, Command)]


def test_the_version_is_told_fast() -> None:
    done = typed("--version", environment={})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"arcops {version('arcops')}\n", "")
    code = "import sys; from adapters.cli.main import run; run(['--version']); print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
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


@pytest.mark.parametrize("columns", [60, 80])
def test_help_is_no_wider_than_the_terminal(columns: int) -> None:
    alone = {"COLUMNS": str(columns)}
    groups = {one.words[0] for one in everything() if len(one.words) == 2}
    lines = [(), *((word,) for word in groups), *(one.words for one in everything())]
    for words in lines:
        said = typed(*words, "--help", environment=alone).stdout
        page, _, example = said.partition("Example:")
        wide = [line for line in (said if columns < 80 else page).splitlines() if len(line) > min(columns, 120)]
        assert not wide, (words, wide)
        shown = example.partition("\n\n")[0].strip()
        if shown and columns < 80:  # over several lines it is still what a shell reads, and what the command accepts
            read(shlex.split(shown.replace("\\\n", ""))[1:])


def test_help_breaks_no_option_and_no_path() -> None:
    words = {word for one in everything() for word in helping.command(one).split() if word.startswith(("--", "~/", "/"))}
    narrow = {
        word for one in everything() for word in typed(*one.words, "--help", environment={"COLUMNS": "60"}).stdout.split()
    }
    assert words <= narrow
