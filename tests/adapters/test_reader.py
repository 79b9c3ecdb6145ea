"""The reader of command lines: each type, each bound, each sentence about what is wrong; and no line makes a traceback."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import MISSING, dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from adapters.cli import helping, reader
from adapters.cli.commands import Command, declared
from adapters.cli.main import read, run
from arcops.asks import Shape, docs, questions, shaped
from arcops.errors import Broken, Refused
from tests.adapters.typed import typed

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear")


class Colour(Enum):
    """What colour."""

    NONE = ""
    DARK_RED = "dark-red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What others have, too."""

    inherited: str = "own"
    """A field that comes from a base,
    told on two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything(Base):
    """One field of each kind."""

    target: Path = field(metadata={"arcops.use": 1} | shaped(positional=True))
    """What is looked at."""
    needed: str = field(metadata=shaped(option="--from", pattern="[a-z]+"))
    """Who asks."""
    rest: tuple[str, ...] = field(default=(), metadata=shaped(positional=True, most=2))
    """More of it."""
    count: int = field(default=3, metadata=shaped(least=1, most=9))
    """How many."""
    seed: int = field(default=0, metadata=shaped(least=-5))
    """From where."""
    name: str = field(default="", metadata=shaped(most=4))
    """A short name."""
    flag: bool = False
    """Do it."""
    worker: bool = True
    """Run one."""
    colour: Colour = Colour.BLUE
    """Which colour."""
    maybe: Colour | None = None
    """Which other."""
    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Where to."""
    day: datetime | None = None
    """Until when."""
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=100))
    """Whose."""
    paths: tuple[Path, ...] = ()
    """Where."""
    models: tuple[str, ...] = field(default=("m",), metadata=shaped(commas=True))
    """Which."""
    steps: tuple[int, ...] = field(default=(1, 2), metadata=shaped(commas=True))
    """How far."""
    rates: tuple[int, ...] = field(default=(500,), metadata=shaped(commas=True, thousandths=True))
    """How fast."""
    made: list[str] = field(default_factory=list)
    """What no command line can give."""


ASKED = questions(Everything)
GOOD = ("here", "--from", "me")


def given(*line: str) -> dict[str, object]:
    """What *line* answers, without what it leaves out."""
    found = zip(ASKED, reader.read(line, ASKED), strict=True)
    return {one.name: answer for one, answer in found if answer is not MISSING}


def test_a_question_is_a_field_with_its_type_default_shape_and_docstring() -> None:
    by_name = {one.name: one for one in ASKED}
    assert next(iter(by_name)) == "inherited"
    assert by_name["inherited"].doc == "A field that comes from a base, told on two lines."
    assert by_name["target"].hint is Path
    assert by_name["target"].required
    assert by_name["made"].default == []
    assert by_name["count"].default == 3
    assert by_name["output"].shape == Shape(short="-o")
    assert set(docs(Everything)) == set(by_name)
    with pytest.raises(Broken, match="not a dataclass"):
        questions(str)


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ((), {}),
        (("--count", "9"), {"count": 9}),
        (("--seed", "-5"), {"seed": -5}),
        (("--seed=-4",), {"seed": -4}),
        (("--flag", "--no-worker"), {"flag": True, "worker": False}),
        (("--no-worker", "--worker"), {"worker": True}),
        (("--colour", "dark-red", "--maybe=blue"), {"colour": Colour.DARK_RED, "maybe": Colour.BLUE}),
        (("-o", "a"), {"output": Path("a")}),
        (("-oa",), {"output": Path("a")}),
        (("-o", "-"), {"output": Path("-")}),
        (("-o", "-x"), {"output": Path("-x")}),
        (("--output=a=b",), {"output": Path("a=b")}),
        (("--day", "2031-12-24"), {"day": datetime(2031, 12, 24, tzinfo=UTC)}),
        (("--key", "a", "--key=b"), {"keys": (Path("a"), Path("b"))}),
        (("--paths", "a", "--paths", "b"), {"paths": (Path("a"), Path("b"))}),
        (("--models", "a, b,,c"), {"models": ("a", "b", "c")}),
        (("--steps", "1,2"), {"steps": (1, 2)}),
        (("--rates", "0.5,2"), {"rates": (500, 2000)}),
        (("--name", "-ab"), {"name": "-ab"}),
        (("--name", "a b"), {"name": "a b"}),
        (("--name", ""), {"name": ""}),
        (("--count", "1", "--count", "2"), {"count": 2}),
        (("--inherited", "x"), {"inherited": "x"}),
        (("x", "y"), {"rest": ("x", "y")}),
        (("x", "--flag", "y"), {"rest": ("x", "y"), "flag": True}),
        (("--", "--flag"), {"rest": ("--flag",)}),
        (("--name", "x", "--", "-y"), {"rest": ("-y",), "name": "x"}),
    ],
)
def test_each_type_is_read_as_it_was_typed(line: tuple[str, ...], answers: dict[str, object]) -> None:
    assert given(*GOOD, *line) == {"target": Path("here"), "needed": "me", **answers}


def test_options_may_stand_before_arguments_too() -> None:
    assert given("--flag", "--from", "me", "here") == {"target": Path("here"), "needed": "me", "flag": True}
    assert given("--from=me", "--", "-here") == {"target": Path("-here"), "needed": "me"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ((), "Missing argument TARGET"),
        (("here",), "Missing option --from"),
        (("", "--from", "me"), "TARGET: the path is empty; was a variable not set?"),
        (("here", "--from", "ME"), "--from is 'ME', which does not match the pattern"),
        ((*GOOD, "a", "b", "c"), "REST has 3 values; use 2 at most"),
        ((*GOOD, "--count", "0"), "--count is 0; use from 1 to 9"),
        ((*GOOD, "--count", "x"), "--count is 'x', which is not a whole number"),
        ((*GOOD, "--count", "9" * 5000), "not a whole number"),
        ((*GOOD, "--seed", "-6"), "--seed is -6; use -5 or more"),
        ((*GOOD, "--name", "abcde"), "--name has 5 characters; use 4 at most"),
        ((*GOOD, "--colour", "green"), "--colour is 'green'; use one of: dark-red, blue"),
        ((*GOOD, "--colour", ""), "use one of: dark-red, blue"),
        ((*GOOD, "--day", "2031-13-01"), "not a day; write it as 2031-12-24"),
        ((*GOOD, "-o", ""), "--output: the path is empty"),
        ((*GOOD, "--key", ""), "--key: the path is empty"),
        ((*GOOD, "--steps", "1,x"), "'x' in --steps is not a whole number; write them as 1,2,4"),
        ((*GOOD, "--steps", "-1"), "'-1' in --steps is not a whole number"),
        ((*GOOD, "--rates", "1e3"), "'1e3' in --rates is not a rate"),
        ((*GOOD, "--made", "x"), "no command line can give"),
        ((*GOOD, "--nonsense"), "there is no option '--nonsense'"),
        ((*GOOD, "--colou", "blue"), "did you mean --colour"),
        ((*GOOD, "--count"), "--count: a value is missing after it"),
        ((*GOOD, "--name", "--flag"), "--name: a value is missing after it"),
        ((*GOOD, "--name", "--"), "--name: a value is missing after it"),
        ((*GOOD, "--paths", "a", "--paths=--"), "--paths: a value is missing after it"),
        ((*GOOD, "--flag=1"), "--flag: ignored explicit argument '1'"),
        ((*GOOD, "-x"), "there is no option '-x'"),
        ((*GOOD, "-5"), "there is no option '-5'"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(line: tuple[str, ...], said: str) -> None:
    with pytest.raises((Refused, Broken)) as refused:
        given(*line)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


def test_more_than_it_takes_is_refused() -> None:
    asked = [one for one in ASKED if one.name in ("target", "needed")]
    with pytest.raises(Refused, match="unexpected argument 'x': 2 more"):
        reader.read(("here", "--from", "me", "x", "y"), asked)


def test_help_is_asked_for_anywhere_and_shows_each_field_with_its_default() -> None:
    for line in (("--help",), (*GOOD, "--help"), ("--nonsense", "--help")):
        with pytest.raises(reader.HelpWanted):
            given(*line)
    assert given(*GOOD, "--", "--help")["rest"] == ("--help",)
    shown = helping.command(Command(words=("a", "b"), doc="Do it.\n\nNow.", run=lambda given: 0, own=Everything))
    for said in (
        "Usage: arcops a b [OPTIONS] TARGET [REST]",
        "A field that comes from a base",
        "[default: own]",
        "--from TEXT",
        "[required]",
        "-o, --output PATH",
        "--colour [dark-red|blue]",
        "--worker, --no-worker",
        "--rates A,B",
        "[default: 0.5]",
        "[may be repeated]",
        "--day YYYY-MM-DD",
        "Exit codes: 0 GREEN",
    ):
        assert said in shown


WORDS = [word for one in declared() if isinstance(one, Command) for word in one.words]
TEXT = st.text(st.characters(codec=None, exclude_characters="\0"), max_size=8)
PIECE = st.one_of(
    TEXT,
    st.sampled_from([*WORDS, "--", "-", "--help", "--server", "--server=", "--key", "-o", "--format", "json", "--limit", "0"]),
    st.builds("--{}={}".format, st.sampled_from(["key", "policy", "limit", "format", "nonsense"]), TEXT),
)


@drawn(st.lists(PIECE, max_size=6))
def test_no_line_makes_a_traceback(line: list[str]) -> None:
    before = dict(os.environ)
    with suppress(Refused, reader.HelpWanted):
        read(line)
    assert dict(os.environ) == before, "reading sets nothing"


@drawn(st.lists(st.one_of(TEXT, st.sampled_from(["--from", "--count", "-o", "--flag", "--", "--rates", "--day"])), max_size=8))
def test_nor_does_any_line_of_any_field(line: list[str]) -> None:
    answers: dict[str, Any] = {}
    try:
        answers = given(*line)
    except (Refused, reader.HelpWanted):
        return
    assert set(answers) >= {"target", "needed"}


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ((), 2, ""),
        (("network",), 2, ""),
        (("--help",), 0, ""),
        (("network", "--help"), 0, ""),
        (("network", "check", "--help"), 0, ""),
        (("chekc",), 2, "did you mean check"),
        (("network", "chekc"), 2, "did you mean check"),
        (("networ",), 2, "did you mean network"),
        (("--nonsense", "check"), 2, "no option '--nonsense' before a command"),
        (("check", "--server"), 2, "--server: a value is missing"),
        (("check",), 2, "'arcops check --help' shows its options"),
        (("check", "x", "--pol", "pilot"), 2, "did you mean --policy"),
        (("x" * 100_000,), 2, "there is no command"),
    ],
)
def test_the_whole_program_says_what_it_found(line: tuple[str, ...], code: int, said: str) -> None:
    done = typed(*line, environment={"HOME": "/nonexistent"})
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr) < 400
    assert done.stderr.count("\n") == (1 if said else 0)
    assert bool(done.stdout) is not bool(said), "help is on standard output"


def test_a_line_may_stop_a_running_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(line: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("adapters.cli.main.find", interrupted)
    assert run(["check"]) == 1
