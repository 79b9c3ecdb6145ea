"""Help: the commands, and the options of each, from the fields' own docstrings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import MISSING
from datetime import datetime
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from textwrap import fill

from adapters.cli import reader
from adapters.cli.commands import Command
from arcops.asks import Question

EXIT_CODES = "Exit codes: 0 GREEN, 4 AMBER, 3 RED, 2 wrong usage, 1 could not judge."
WHAT = "Is this model ready, trusted and safe? Collects evidence and signs a verdict: GREEN, AMBER or RED. Offline by default."
SERVER = "Run the command's tool at this ArcOps server instead of here [environment: ARCOPS_SERVER]."
SHOW = "Show this and exit."
_SERVER = ("--server URL", SERVER)
_HELP = (reader.HELP, SHOW)
_VERSION = ("--version", "Show the version and exit.")
_MOST_COLUMN = 28
_MOST_WIDTH = 120
_LEAST_WIDTH = 40
_WIDE = 80
"""From so many columns on, an example is one line, whatever its length: it is easier to copy."""
_WORD = re.compile(r"(?:'[^']*'|[^\s'])+")
"""A word of a command line; spaces in quotes are part of it."""

Rows = Sequence[tuple[str, str]]


def words(title: str, doc: str, rows: Rows) -> str:
    """The help of *title*, with *rows* of the words that may follow."""
    version = [_VERSION] if title == "arcops" else []
    return _page(f"{title} [OPTIONS] COMMAND ...", doc, [("Options", [_SERVER, *version, _HELP]), ("Commands", rows)])


def command(one: Command) -> str:
    """The help of one command."""
    takes = one.takes()
    placed = [question for question in takes if question.shape.positional]
    named = [question for question in takes if not question.shape.positional]
    usage = [one.name, "[OPTIONS]", *(_usage(question) for question in placed)]
    arguments = [(reader.title(question), _told(question)) for question in placed]
    options = [(_spelled(question), _told(question)) for question in sorted(named, key=lambda question: not question.required)]
    tables = [("Arguments", arguments), ("Options", [*options, _SERVER, _HELP])]
    return _page(" ".join(usage), one.doc, tables, f"{one.name} {one.example or _least(one)}".rstrip())


def _least(one: Command) -> str:
    """The shortest line that a command without an example of its own accepts, with placeholders."""
    takes = [question for question in one.takes() if question.required]
    placed = [reader.title(question) for question in takes if question.shape.positional]
    return " ".join([*placed, *(_spelled(question) for question in takes if not question.shape.positional)])


def first_sentence(doc: str) -> str:
    """The first paragraph of *doc*, on one line."""
    return " ".join(cleandoc(doc).partition("\n\n")[0].split())


def _page(usage: str, doc: str, tables: Iterable[tuple[str, Rows]], example: str = "") -> str:
    width = min(max(shutil.get_terminal_size().columns, _LEAST_WIDTH), _MOST_WIDTH)
    parts = [_filled(f"Usage: {usage}", width, later=" " * len("Usage: "))]
    parts += [_filled(" ".join(part.split()), width) for part in cleandoc(doc).split("\n\n")]
    parts += [f"{title}:\n{_table(rows, width)}" for title, rows in tables if rows]
    shown = [f"Example:\n  {example if width >= _WIDE else _continued(example, width)}"] if example else []
    return "\n\n".join([*parts, *shown, _filled(EXIT_CODES, width)])


def _filled(text: str, width: int, first: str = "", later: str = "") -> str:
    """*text* in lines of *width*. No word is broken: it may be an option or a path."""
    return fill(text, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)


def _continued(line: str, width: int) -> str:
    """A command *line* over several lines, as a shell reads it: each but the last ends with a backslash.

    Spaces at the beginning of a line part two words. Only a word that is wider than a line, such as a digest, goes on in the
    next one, without them.
    """
    room = width - len("       \\")
    lines = [""]
    for word in _WORD.findall(line):
        if lines[-1] and len(lines[-1]) + len(word) > room:
            lines.append("      ")
        lines[-1] += f" {word}" if lines[-1].strip() else word
        while len(lines[-1]) > width - 1:
            lines[-1:] = [lines[-1][: width - 1], lines[-1][width - 1 :]]
    return "\\\n".join(f"{one} " if after.startswith(" ") else one for one, after in zip(lines, [*lines[1:], ""], strict=True))


def _table(rows: Rows, width: int) -> str:
    column = min(_MOST_COLUMN, width // 3, max(len(left) for left, _ in rows)) + 4
    lines = []
    for left, right in rows:
        text = _filled(right, width, first=" " * column, later=" " * column)
        start = f"  {left}"
        if len(start) > width:  # a long choice of values
            start = start.replace("|", "| ")
            start = _filled(start.strip(), width, first="  ", later="      ").replace("| ", "|")
        lines.append(start + text[len(start) :] if len(start) + 1 < column else f"{start}\n{text}")
    return "\n".join(lines)


def _usage(question: Question) -> str:
    return reader.title(question) if question.required else f"[{reader.title(question)}]"


def _spelled(question: Question) -> str:
    name, shape = reader.option(question), question.shape
    if reader.is_flag(question):
        return f"{name}, --no-{name[2:]}" if question.default is True else name
    return f"{f'{shape.short}, ' if shape.short else ''}{name} {_value(question)}"


def _value(question: Question) -> str:
    """The placeholder for an option's value."""
    kind = reader.bare(reader.items(question) or question.hint)
    if question.shape.title:
        return question.shape.title
    if question.shape.commas:
        return "A,B"
    if kind is Path or question.shape.text_of:
        return "PATH"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"[{'|'.join(str(one.value) for one in kind if one.value != '')}]"
    return {int: "NUMBER", datetime: "YYYY-MM-DD"}.get(kind, "TEXT")


def _told(question: Question) -> str:
    """The field's docstring, and what else a person must know to give a value."""
    said = [question.doc]
    kind = reader.bare(question.hint)
    if question.shape.positional and isinstance(kind, type) and issubclass(kind, Enum):
        said.append(f"[one of: {', '.join(str(one.value) for one in kind)}]")
    if question.required:
        said.append("[required]")
    elif shown := _default(question):
        said.append(f"[default: {shown}]")
    if reader.items(question) is not None and not question.shape.commas:
        said.append("[may be repeated]")
    return " ".join(filter(None, said))


def _default(question: Question) -> str:
    default = question.default
    if default in (None, MISSING, "", (), False):
        return ""
    if default is True:
        return reader.option(question)
    values = default if isinstance(default, tuple) else (default,)
    if question.shape.thousandths:
        return ",".join(f"{value / 1000:g}" for value in values)
    return ",".join(str(value.value if isinstance(value, Enum) else value) for value in values)
