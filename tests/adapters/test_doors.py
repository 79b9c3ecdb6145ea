"""The command line is a client of the tools and nothing more: each command calls its own, and each tool has its command."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import adapters.cli
from adapters.cli import generic, reader
from adapters.cli.commands import Command, Group, declared
from adapters.cli.main import find
from arcops.asks import docs, questions
from arcops.errors import Broken, Refused
from arcops.finding import Outcome
from artifacts.wire import from_json
from capabilities.catalogue import all_tools
from capabilities.contract import Scope, Tool, tool
from capabilities.judging import Judged
from flows.place import Place
from tests.adapters.serving import environment
from tests.adapters.typed import typed
from tests.kept import finding, keep, report, result
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-3/the-command-line-is-a-client")

REPOSITORY = Path(__file__).resolve().parents[2]
EVERYTHING = tuple(declared())
COMMANDS = sorted((one for one in EVERYTHING if isinstance(one, Command)), key=lambda one: one.words)
OPEN_DOORS = {"mcp", "web", "server", "completion", "host serve", "host run", "conf serve", "operator run", "front switch"}
"""They call no tool: they let others call, or say what can be typed."""
ASKING = [one for one in COMMANDS if not {one.words[0], " ".join(one.words)} & OPEN_DOORS]


def asked_with(function: Callable[..., object]) -> set[str]:
    """What *function* gives to ``answer``, itself or by functions of the command line that it calls."""
    found: set[str] = set()
    seen: set[object] = set()
    waiting: list[object] = [function]
    while waiting:
        one = waiting.pop()
        if one in seen or not inspect.isfunction(one):
            continue
        seen.add(one)
        inside = inspect.getmodule(one)
        assert inside is not None
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(one)))):
            if not isinstance(node, ast.Call):
                continue
            called = _value(node.func, vars(inside))
            if getattr(called, "__name__", "") == "answer" and getattr(called, "__module__", "") == "adapters.cli.answering":
                found.add(ast.unparse(node.args[0]))
            elif str(getattr(called, "__module__", "")).startswith("adapters.cli"):
                waiting.append(called)
    return found


def _value(node: ast.expr, known: dict[str, Any]) -> object:
    """What a name or an attribute stands for, or nothing."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, known), node.attr, None)
    return None


@pytest.mark.parametrize("command", ASKING, ids=lambda one: one.name)
def test_each_command_calls_its_tool_and_is_typed_by_it(command: Command) -> None:
    called = command.capability()
    assert isinstance(called, Tool)
    assert asked_with(command.run) - {"fetch_artifact"} == {"given.tool"}, "and what was sealed may be fetched"
    given = inspect.signature(command.run).parameters["given"].annotation
    own = command.own.__name__ if command.own is not None else None
    assert given == f"Given[{called.ask.__name__}, {called.answer.__name__}, {own}]"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_each_command_is_found_by_its_words(command: Command) -> None:
    assert find([*command.words, "more"]) is command
    here = {one.words for one in declared(command.words[0]) if isinstance(one, Command)}
    files = {one.run.__module__ for one in COMMANDS if one.words[0] == command.words[0]}
    assert here == {one.words for one in COMMANDS if one.run.__module__ in files}
    whole = min(files, key=len)
    assert all(one == whole or one.startswith(f"{whole}_") for one in files), "a group has one file, or files named after it"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_each_command_says_what_it_does_and_what_it_takes(command: Command) -> None:
    assert command.doc
    spelled = [name for one in command.takes() for name in reader.names(one) if not one.shape.positional]
    assert len(set(spelled)) == len(spelled)
    for one in command.takes():
        assert one.doc, f"{command.name}: {one.name} has no docstring under it"
        kind = reader.bare(reader.items(one) or one.hint)
        assert kind in (bool, int, str, Path, datetime) or issubclass(kind, Enum), f"the reader knows no {kind}"
    known = {one.name for one in questions(_ask(command))}
    assert {*command.only, *command.fills, *command.reads} <= known


def _ask(command: Command) -> type[object]:
    called = command.capability()
    assert called is not None or command.own is not None
    return called.ask if called is not None else command.own  # type: ignore[return-value]  # one of them is there


def test_each_tool_has_one_command() -> None:
    called = [found.name for command in ASKING if (found := command.capability()) is not None]
    assert sorted(called) == sorted(tool.name for tool in all_tools())
    assert {" ".join(one.words) for one in COMMANDS if one not in ASKING} >= OPEN_DOORS
    assert list(generic.unclaimed(COMMANDS)) == []
    without = [one for one in COMMANDS if one.words != ("cluster", "check")]
    assert [one.words for one in generic.unclaimed(without)] == [("cluster", "check")], "a new one would be found"


def test_every_group_has_commands_and_every_command_its_group() -> None:
    groups = {one.word for one in EVERYTHING if isinstance(one, Group)}
    assert {one.words[0] for one in COMMANDS if len(one.words) == 2} == groups
    assert not {one.words[0] for one in COMMANDS if len(one.words) == 1} & groups
    assert len({one.words for one in COMMANDS}) == len(COMMANDS)


def test_no_command_reaches_round_the_tools() -> None:
    """What a command would do by itself, an agent and a page could not do, and a server would not be asked for."""
    # What a place is made of, and what is served or operated at one.
    allowed = {f"adapters.cli.{name}" for name in ("surroundings", "serving", "host_alone", "operating")}
    for found in pkgutil.iter_modules(adapters.cli.__path__, "adapters.cli."):
        if found.name in allowed or found.name.endswith("__main__"):
            continue
        tree = ast.parse(inspect.getsource(importlib.import_module(found.name)))
        types_only = {
            inner for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node not in types_only:
                assert not str(node.module).startswith(("flows", "tasks", "gates")), f"{found.name} imports {node.module}"
                names = {name.name for name in node.names}
                assert not names & {"Store", "seal_statement", "open_sealed", "load_signer"}, f"{found.name} imports {names}"


def loaded(code: str) -> set[str]:
    """The modules of a process that ran *code*."""
    code = f"import sys\n{code}\nprint(*sys.modules, file=sys.__stdout__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment({}), cwd=REPOSITORY, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


class TestLate:
    def test_a_group_of_commands_imports_no_capability(self) -> None:
        modules = loaded("from adapters.cli.commands import declared\nassert len(list(declared())) > 30")
        declaring = set(_declaring())
        assert len(declaring) > 15
        assert not modules & declaring

    def test_a_word_imports_its_own_file_alone(self) -> None:
        files = {command.run.__module__ for command in COMMANDS}
        for words, own in ((("verify",), "adapters.cli.artifact"), (("network", "reach"), "adapters.cli.network")):
            modules = loaded(f"from adapters.cli.main import find\nassert find({list(words)!r}).words == {words!r}")
            assert modules & files == {own}

    def test_verifying_imports_what_verifying_takes(self) -> None:
        artifact, key = (REPOSITORY / "tests" / "released" / f"readiness-report-v1.{end}" for end in ("sigstore.json", "pub"))
        line = ["verify", str(artifact), "--key", str(key)]
        modules = loaded(f"import io\nfrom adapters.cli.main import run\nsys.stdout = io.StringIO()\nrun({line!r})")
        heavy = {"rich", "typer", "click", "pydantic", "yaml", "numpy", "prefect", "mcp", "ssl", "sqlite3", "subprocess"}
        assert modules & heavy == set()
        rooms = {name for name in modules if name.startswith(("flows.", "gates.", "reach.", "manifests.", "amend."))}
        assert rooms == {"flows.place"}


def _declaring() -> list[str]:
    files = (REPOSITORY / "capabilities").rglob("*.py")
    return [".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in files if "\n@tool(" in path.read_text()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """What to play with."""

    name: str
    """The toy's name."""
    times: int = 2
    """How often."""
    colours: tuple[str, ...] = ()
    """Which colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of it."""

    said: str


@tool(title="Play with a toy", scope=Scope.READ)
def play_wooden_toy(ask: Toy, at: Place) -> Played:
    """Play with a toy for a while, so that a test sees it played with.

    It breaks nothing.
    """
    if ask.name == "broken":
        raise Refused("that toy is broken; take another")
    return Played(said=f"{ask.name} {ask.times} {','.join(ask.colours)} {at.settings.tier.value}")


class TestGeneric:
    @pytest.fixture(autouse=True)
    def found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(generic, "unclaimed", lambda commands: iter([generic.generic(play_wooden_toy)]))

    @pytest.fixture
    def here(self, tmp_path: Path) -> Bench:
        return bench(tmp_path)

    def test_the_ask_gives_the_options_and_the_answer_is_json(self, here: Bench, tmp_path: Path) -> None:
        line = ("wooden-toy", "play", "--name", "bear", "--colours", "red", "--colours=blue", "--tier", "restricted")
        done = typed(*line, "-o", str(tmp_path / "out.json"), environment=here.environment)
        assert done.returncode == 0, done.stderr
        assert from_json(Played, done.stdout) == Played(said="bear 2 red,blue restricted")
        assert from_json(Played, (tmp_path / "out.json").read_text()) == Played(said="bear 2 red,blue restricted")
        assert typed("wooden-toy", "play", "--name", "broken", environment=here.environment).returncode == 2
        done = typed("wooden-toy", "play", environment=here.environment)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--name" in done.stderr

    def test_it_is_in_the_help(self, here: Bench) -> None:
        assert "wooden-toy" in typed("--help", environment=here.environment).stdout
        assert "play" in typed("wooden-toy", environment=here.environment).stdout
        done = typed("wooden-toy", "play", "--help", environment=here.environment)
        assert "How often. [default: 2]" in done.stdout
        assert "It breaks nothing." in done.stdout

    def test_a_sealed_report_is_printed_and_exited_by_as_check_does(
        self, here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad = report("bad bear", result("g", finding("g/one", Outcome.FAIL, "It bites.")))
        kept = keep(here, bad)

        @tool(title="Judge a toy", scope=Scope.CHECK, long=True)
        def judge_toy(ask: Toy, at: Place) -> Judged:
            """Judge a toy, which is never good."""
            return Judged(report=bad, artifact=kept)

        monkeypatch.setattr(generic, "unclaimed", lambda commands: iter([generic.generic(judge_toy)]))
        sealed = tmp_path / "sealed.json"
        line = ("toy", "judge", "--name", "bear", "--output", str(sealed), "--key", "k", "--tier", "connected")
        done = typed(*line, environment=here.environment)
        assert done.returncode == 3, done.stderr
        assert "It bites." in done.stdout
        assert here.open(sealed).subject.name == "bad bear"
        done = typed(*line, "--format", "json", environment=here.environment)
        assert (done.returncode, json.loads(done.stdout)["predicate"]["verdict"]) == (3, "RED")

    def test_a_tool_without_a_noun_has_no_command(self) -> None:
        def toy(ask: Toy, at: Place) -> Played:
            """Play with a toy that has no noun at all."""
            return Played(said="")

        toy.__annotations__ = {"ask": Toy, "at": Place, "return": Played}
        with pytest.raises(Broken, match="verb and a noun"):
            generic.generic(tool(title="Toy", scope=Scope.READ)(toy))


def test_help_is_what_stands_under_the_fields() -> None:
    assert docs(Toy) == {"name": "The toy's name.", "times": "How often.", "colours": "Which colours."}
