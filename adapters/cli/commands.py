"""How a command is declared: beside its function, with the capability that it calls and its own options.

A module of this package that declares commands is found by searching the folder for the command's words, and imported if one of
them is typed. A capability is named by its module and found when its command is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from adapters.cli import reader
from adapters.cli.files import read_text
from adapters.cli.server import policy_for
from arcops.asks import Question, questions
from arcops.errors import Broken, Refused
from arcops.late_dataclass import dataclass

if TYPE_CHECKING:
    from capabilities.contract import Tool

A = TypeVar("A")
B = TypeVar("B")
O = TypeVar("O", covariant=True)  # noqa: E741  # the type of a command's own options

Adapt = Callable[[Question], Question]


def _as_it_is(question: Question) -> Question:
    return question


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. ``words`` are what is typed; ``tool`` is ``module:name`` of its capability, or the capability.

    Its options are the fields of the capability's ask: all of them, or only those in ``only``; never those that it ``fills``
    itself. ``adapt`` may change a field's spelling or default here. The fields of the dataclass ``own`` are options, too.
    ``reads`` gives a function for each field whose file is read in a special way. ``example`` is what may be typed after the
    words, as its help shows.
    """

    words: tuple[str, ...]
    doc: str
    run: Callable[[Any], int | None]
    tool: str | Tool[Any, Any] = ""
    own: type[object] | None = None
    only: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    adapt: Adapt = _as_it_is
    reads: Mapping[str, Callable[[Path], str]] = field(default_factory=dict)
    example: str = ""

    @property
    def name(self) -> str:
        """As it is typed: ``arcops network check``."""
        return " ".join(("arcops", *self.words))

    def capability(self) -> Tool[Any, Any] | None:
        """The capability that it calls; ``None`` for a door that stays open."""
        if not isinstance(self.tool, str):
            return self.tool
        if not self.tool:
            return None
        module, _, name = self.tool.partition(":")
        return cast("Tool[Any, Any]", getattr(import_module(module), name))

    def asked(self) -> tuple[Question, ...]:
        """The options for its capability."""
        tool = self.capability()
        found = questions(tool.ask) if tool is not None else ()
        offered = self.only or tuple(one.name for one in found)
        return tuple(self.adapt(one) for one in found if one.name in offered and one.name not in self.fills)

    def takes(self) -> tuple[Question, ...]:
        """All its options: for its capability, and its own."""
        return (*self.asked(), *self._owned())

    def _owned(self) -> tuple[Question, ...]:
        return questions(self.own) if self.own is not None else ()

    def given(self, line: Sequence[str]) -> Given[Any, Any, Any]:
        """The values that *line*, without the command's words, gives to it. Raises as `reader.read`."""
        asked, own = self.asked(), self._owned()
        try:
            answers = reader.read(line, (*asked, *own))
        except Refused as error:
            raise Refused(f"{error}; '{self.name} --help' shows its options") from error
        mine = _answered(own, answers[len(asked) :])
        return Given(command=self, answers=_answered(asked, answers), own=self.own(**mine) if self.own is not None else None)


def _answered(asked: Iterable[Question], answers: Iterable[object]) -> dict[str, Any]:
    pairs = ((one, one.default if answer is MISSING else answer) for one, answer in zip(asked, answers, strict=False))
    return {one.name: answer for one, answer in pairs}


class Given(Generic[A, B, O]):
    """What a command was given: its capability, its own options, and the ask, which is made when it is needed."""

    def __init__(self, *, command: Command, answers: Mapping[str, Any], own: O) -> None:
        self._command = command
        self._answers = answers
        self.own = own

    @property
    def tool(self) -> Tool[A, B]:
        """The capability to call."""
        found = self._command.capability()
        if found is None:
            raise Broken(f"{self._command.name} has no capability")
        return found

    def named(self, field: str) -> Path:
        """The path that was typed for *field*; if the field is a text, the ask has the text of that file."""
        return cast(Path, self._answers[field])

    def ask(self, **filled: object) -> A:
        """The ask, with the fields *filled* by the command itself. Reads the files whose text it needs: raises `Refused`."""
        values = dict(self._answers)
        for one in self._command.asked():
            read = self._command.reads.get(one.name) or partial(read_text, shape=one.shape)
            if one.shape.text_of:
                values[one.name] = _each(values[one.name], read)
        if isinstance(policy := values.get("policy"), str):
            values["policy"] = policy_for(policy)
        return self.tool.ask(**(values | filled))


def _each(value: object, read: Callable[[Path], str]) -> object:
    if isinstance(value, tuple):
        return tuple(_each(one, read) for one in value)
    return read(value) if isinstance(value, Path) else value


def command(
    words: str,
    tool: str = "",
    *,
    own: type[object] | None = None,
    only: tuple[str, ...] = (),
    fills: tuple[str, ...] = (),
    adapt: Adapt = _as_it_is,
    reads: Mapping[str, Callable[[Path], str]] | None = None,
    example: str = "",
) -> Callable[[Callable[[Any], int | None]], Command]:
    """Declare the decorated function as the command of these *words*.

    It is called with what was `Given` and returns the exit code, or ``None`` for 0; its docstring is its help.
    """

    def declare(run: Callable[[Any], int | None]) -> Command:
        return Command(
            words=tuple(words.split()),
            doc=run.__doc__ or "",
            run=run,
            tool=tool,
            own=own,
            only=only,
            fills=fills,
            adapt=adapt,
            reads=reads or {},
            example=example,
        )

    return declare


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A first word that has commands under it."""

    word: str
    doc: str


def group(word: str, doc: str) -> Group:
    """Declare *word* as the first word of commands."""
    return Group(word=word, doc=doc)


Declared = Command | Group


def declared(word: str = "") -> Iterator[Declared]:
    """What the modules of this package declare; with *word*, only what the modules with that first word declare."""
    whole = r'[ "]' if word else ""
    declares = re.compile(rf'^(@command|\w+ = group)\(\s*"{re.escape(word)}{whole}', re.MULTILINE)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if declares.search(path.read_text(encoding="utf-8")):
            for value in vars(import_module(f"{__package__}.{path.stem}")).values():
                if isinstance(value, (Command, Group)):
                    yield value
