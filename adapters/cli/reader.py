"""The one reader of command lines. It reads the fields of frozen dataclasses, and nothing else.

`argparse` splits the line. What a value may be, and every sentence about a wrong one, is in this module. It opens no file.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import MISSING
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin

from arcops.asks import Question
from arcops.errors import Broken, Refused

HELP = "--help"
_SHOWN = 160
"""Most characters of a wrong value that a sentence repeats; the longest digest has 135."""
_LONGEST_PATH = 4096
_WIDTH = 80


class HelpWanted(Exception):  # not an error
    """The line asks for help."""


def option(question: Question) -> str:
    """The spelling of the option of *question*."""
    return question.shape.option or f"--{question.name.replace('_', '-')}"


def title(question: Question) -> str:
    """The placeholder for the argument or the value of *question* in sentences and help."""
    return question.shape.title or question.name.upper()


def said(question: Question) -> str:
    """The name of *question* in a sentence."""
    return title(question) if question.shape.positional else option(question)


def is_flag(question: Question) -> bool:
    """Is it an option without a value?"""
    return question.hint is bool


def items(question: Question) -> Any:
    """The type of one item if the answer is a tuple, else ``None``."""
    return get_args(question.hint)[0] if get_origin(question.hint) is tuple else None


def bare(hint: Any) -> Any:
    """*hint* without ``None``."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [one for one in get_args(hint) if one is not NoneType]
        return kinds[0] if len(kinds) == 1 else hint
    return hint


def read(line: Sequence[str], questions: Sequence[Question]) -> list[object]:
    """The answers of *line* to *questions*, in their order; `dataclasses.MISSING` if it has no answer.

    For a file whose text is asked for, the answer is its path. Raises `Refused` with what is wrong and what to do, and
    `HelpWanted`.
    """
    named = {number: one for number, one in enumerate(questions) if not one.shape.positional}
    placed = [(number, one) for number, one in enumerate(questions) if one.shape.positional]
    parser = _parser(named)
    spellings = {HELP, *(name for one in named.values() for name in names(one))}
    tokens, rest = _joined(line, spellings, {name for one in named.values() if not is_flag(one) for name in names(one)})
    found, extras = parser.parse_known_args(tokens)
    if found.help:
        raise HelpWanted
    for word in extras:
        name = word.partition("=")[0]
        if word.startswith("-") and word != "-":
            raise Refused(f"there is no option {short(name)}{nearest(name, spellings)}")
    answers: list[object] = [MISSING] * len(questions)
    for number, one in named.items():
        given = getattr(found, f"q{number}")
        if given is None:
            continue
        values = given if isinstance(given, list) and given else [given]
        if not is_flag(one) and not all(isinstance(value, str) and value != "--" for value in values):
            # Up to Python 3.12 argparse takes '--' out of values, too.
            raise Refused(f"{said(one)}: a value is missing after it")
        answers[number] = given if is_flag(one) else parsed(one, values)
    for number, values in _placed([*extras, *rest], placed):
        answers[number] = parsed(questions[number], values)
    for number, one in enumerate(questions):
        if one.required and answers[number] is MISSING:
            raise Refused(f"Missing {'argument' if one.shape.positional else 'option'} {said(one)}")
    return answers


def names(question: Question) -> list[str]:
    """Every spelling of an option. For a flag that is on by default, the last one turns it off."""
    away = [f"--no-{option(question)[2:]}"] if is_flag(question) and question.default is True else []
    return [option(question), *filter(None, [question.shape.short]), *away]


def _parser(named: dict[int, Question]) -> _Parser:
    form = partial(argparse.HelpFormatter, width=_WIDTH)  # without a width it looks for a terminal, at each argument
    parser = _Parser(add_help=False, allow_abbrev=False, formatter_class=form)
    parser.add_argument(HELP, action="store_true", default=False)
    for number, one in named.items():
        where = f"q{number}"
        if not is_flag(one):
            many = items(one) is not None and not one.shape.commas
            parser.add_argument(*names(one), dest=where, action="append" if many else "store")
            continue
        for name in names(one):
            off = name.startswith("--no-") and name != option(one)
            parser.add_argument(name, dest=where, action="store_const", const=not off)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(message.removeprefix("argument ").replace("expected one argument", "a value is missing after it"))


def _joined(line: Sequence[str], spellings: set[str], valued: set[str]) -> tuple[list[str], list[str]]:
    """*line* up to ``--``, and what comes after it, which are arguments even if they look like options.

    A value that begins with a dash is joined to its option, because argparse would read it as another option.
    """
    joined: list[str] = []
    number = 0
    while number < len(line):
        word, value = line[number], line[number + 1] if number + 1 < len(line) else ""
        if word == "--":
            return joined, list(line[number + 1 :])
        number += 1
        if word in valued and value.startswith("-") and value.partition("=")[0] not in spellings:
            word = f"{word}={value}" if word.startswith("--") else f"{word}{value}"
            number += 1
        joined.append(word)
    return joined, []


def _placed(given: list[str], placed: list[tuple[int, Question]]) -> Iterable[tuple[int, list[str]]]:
    """Which arguments answer which question. A tuple takes all that are left."""
    for number, one in placed:
        many = len(given) if items(one) is not None else 1
        if given:
            yield number, given[:many]
        given = given[many:]
    if given:
        raise Refused(f"unexpected argument {short(given[0])}: {len(given)} more than it takes")


def parsed(question: Question, values: list[str]) -> object:
    """The answer that *values*, as they were typed, give to *question*. Raises `Refused`."""
    kind = items(question)
    if kind is None:
        answer: object = _one(question, question.hint, values[-1])
        count, what = (len(answer), "characters") if isinstance(answer, str) else (answer, "")
    else:
        if question.shape.commas:
            values = [part.strip() for part in values[-1].split(",") if part.strip()]
        answer = tuple(_one(question, kind, value) for value in values)
        count, what = len(values), "values"
    if isinstance(count, int):
        _within(question, count, what)
    return answer


def _within(question: Question, count: int, what: str) -> None:
    """Raises `Refused` if *count*, a number or how many of *what* there are, is out of bounds."""
    least, most = question.shape.least, question.shape.most
    if (least is None or least <= count) and (most is None or count <= most):
        return
    bounds = f"{least} or more" if most is None else f"{most} at most" if least is None else f"from {least} to {most}"
    raise Refused(f"{said(question)} {'has' if what else 'is'} {count}{what and ' '}{what}; use {bounds}")


def _one(question: Question, hint: Any, text: str) -> object:
    kind = bare(hint)
    if kind is Path or question.shape.text_of:
        if not text:
            raise Refused(f"{said(question)}: the path is empty; was a variable not set?")
        return Path(text)
    if kind is str:
        if question.shape.pattern and not re.fullmatch(question.shape.pattern, text):
            raise Refused(f"{said(question)} is {short(text)}, which does not match the pattern {question.shape.pattern}")
        return text
    if kind is int:
        return _number(question, text)
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = {str(one.value): one for one in kind if one.value != ""}
        if text not in known:
            raise Refused(f"{said(question)} is {short(text)}; use one of: {', '.join(known)}")
        return known[text]
    if kind is datetime:
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise Refused(f"{said(question)} is {short(text)}, which is not a day; write it as 2031-12-24") from error
    raise Broken(f"the field {question.name} of {question.ask.__name__} has a type that no command line can give: {hint}")


def _number(question: Question, text: str) -> int:
    shape = question.shape
    if shape.thousandths:
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text, re.ASCII):
            raise Refused(f"{short(text)} in {said(question)} is not a rate, which is a number up to 999; write them as 0.5,2")
        return round(float(text) * 1000)
    if shape.commas and not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII):
        raise Refused(f"{short(text)} in {said(question)} is not a whole number; write them as 1,2,4")
    try:
        return int(text)
    except ValueError as error:
        raise Refused(f"{said(question)} is {short(text)}, which is not a whole number") from error


def nearest(word: str, known: Iterable[str]) -> str:
    """The word among *known* that *word* was most likely meant for, as the end of a sentence, or empty."""
    from difflib import get_close_matches  # only needed for wrong words

    near = get_close_matches(word[:_SHOWN], sorted(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def short(text: str) -> str:
    """*text* in quotes, for a sentence. What could be a path is whole, however long a path may be."""
    most = _LONGEST_PATH if "/" in text else _SHOWN
    return repr(text if len(text) <= most else f"{text[:most]}…")
