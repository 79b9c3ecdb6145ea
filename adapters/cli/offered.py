"""What may be typed after each command: its options and their values, from the fields that declare them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from adapters.cli import helping, reader
from adapters.cli.commands import Command
from arcops.asks import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What may stand in one place: one of ``words``, or the path of a file if ``path``; neither for any text."""

    words: tuple[str, ...] = ()
    path: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option by all its spellings, and its value; ``None`` if it takes no value."""

    names: tuple[str, ...]
    doc: str
    value: Value | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A command: its words, its options, and its arguments in order; the last of them is also for all that come after it."""

    words: tuple[str, ...]
    doc: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]


def offers(commands: Iterable[Command]) -> tuple[Offer, ...]:
    """What each of *commands* offers, in order of their words."""
    return tuple(sorted(map(_offer, commands), key=lambda one: one.words))


def _offer(one: Command) -> Offer:
    takes = one.takes()
    return Offer(
        words=one.words,
        doc=helping.first_sentence(one.doc),
        options=(
            *(option for question in takes if not question.shape.positional for option in _options(question)),
            Option(names=("--server",), doc=helping.SERVER, value=Value()),
            Option(names=(reader.HELP,), doc=helping.SHOW),
        ),
        arguments=tuple(_value(question) for question in takes if question.shape.positional),
    )


def _options(question: Question) -> Iterator[Option]:
    names, value = tuple(reader.names(question)), None if reader.is_flag(question) else _value(question)
    doc = helping.first_sentence(question.doc)
    if value is None and question.default is True:
        yield Option(names=names[:-1], doc=doc)
        yield Option(names=names[-1:], doc=f"Not: {doc}")
    else:
        yield Option(names=names, doc=doc, value=value)


def _value(question: Question) -> Value:
    kind = reader.bare(reader.items(question) or question.hint)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Value(words=tuple(str(one.value) for one in kind if one.value != ""))
    if question.name == "policy":
        from capabilities.policy.writing import shipped_policies

        return Value(words=shipped_policies(), path=True)
    return Value(path=kind is Path or bool(question.shape.text_of))
