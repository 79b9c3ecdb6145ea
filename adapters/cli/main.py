"""``arcops``: exit 0 GREEN, 4 AMBER, 3 RED, 2 wrong usage, 1 could not judge."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NoReturn

from adapters.cli import reader
from adapters.cli.commands import Command, Given, Group, declared
from adapters.cli.exits import GREEN, USAGE, open_the_standard_streams, said_in_one_sentence
from adapters.cli.server import SERVER
from arcops.errors import Refused
from foundation.processes.hiding import hide_secrets

_ALLOCATIONS = 500_000
"""How many more objects than before cause a search for cycles. Imports alone reach Python's own 700 many times, and leave no
cycle to free, nor does a large check; these objects are some ten MB."""


def main() -> NoReturn:
    """The process of ``arcops``."""
    gc.set_threshold(_ALLOCATIONS)
    hide_secrets()
    open_the_standard_streams()
    code = run(sys.argv[1:])
    gc.freeze()  # without it the interpreter searches everything for cycles at the end, which takes longer than the start
    raise SystemExit(code)


def run(line: Sequence[str]) -> int:
    """Do what *line* says; returns the exit code. An error is told in one sentence."""
    try:
        with said_in_one_sentence():
            code = _run(line)
            sys.stdout.flush()  # here, because a closed pipe is told of at the end of the process otherwise
            return code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else USAGE


def _run(line: Sequence[str]) -> int:
    server, line = _without_server(line)
    if server is not None:
        os.environ[SERVER] = server
    if line[:1] == ["--version"]:
        print(f"arcops {_version()}")
        return GREEN
    found = find(line)
    if isinstance(found, str):
        print(found)
        return GREEN if reader.HELP in line else USAGE
    try:
        given = found.given(line[len(found.words) :])
    except reader.HelpWanted:
        from adapters.cli import helping

        print(helping.command(found))
        return GREEN
    return found.run(given) or GREEN


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("arcops")
    except PackageNotFoundError:  # run from a checkout without an installation
        return "0.0.0"


def read(line: Sequence[str]) -> Given[object, object, object]:
    """What the command in *line* would be given. Raises `Refused` as the command would, and does nothing."""
    _, line = _without_server(line)
    found = find(line)
    if isinstance(found, str):
        raise Refused("no command is named")
    return found.given(line[len(found.words) :])


def find(line: Sequence[str]) -> Command | str:
    """The command that *line* begins with, or the help if *line* holds no whole command. Raises `Refused`."""
    if not line or line[0] == reader.HELP:
        return _help(())
    if line[0].startswith("-"):
        raise Refused(f"there is no option {reader.short(line[0])} before a command; 'arcops --help' lists the options")
    word = line[0]
    here = list(declared(word))
    for one in here:
        if isinstance(one, Command) and one.words == tuple(line[: len(one.words)]):
            return one
    more = [one for one in _generic() if one.words[0] == word]
    for one in more:
        if one.words == tuple(line[:2]):
            return one
    if not more and not any(isinstance(one, Group) and one.word == word for one in here):
        known = {one.word if isinstance(one, Group) else one.words[0] for one in declared()}
        raise Refused(f"there is no command {reader.short(word)}{reader.nearest(word, known)}; 'arcops --help' lists them")
    below = [one.words for one in (*here, *more) if isinstance(one, Command) and one.words[0] == word]
    depth = max(_shared(words, line) for words in (*below, (word,)))
    if len(line) == depth or line[depth] == reader.HELP:
        return _help(tuple(line[:depth]))
    near = reader.nearest(line[depth], {words[depth] for words in below if _shared(words, line) == depth < len(words)})
    named = " ".join(line[:depth])
    raise Refused(f"'arcops {named}' has no command {reader.short(line[depth])}{near}; 'arcops {named} --help' lists them")


def _shared(words: Sequence[str], line: Sequence[str]) -> int:
    """How many of the first *words* the *line* begins with."""
    same = (mine == typed for mine, typed in zip(words, line, strict=False))
    return sum(1 for _ in takewhile(bool, same))


def everything() -> list[Command]:
    """Every command that there is."""
    return [one for one in (*declared(), *_generic()) if isinstance(one, Command)]


def _generic() -> Iterable[Command]:
    from adapters.cli.generic import unclaimed  # for words without a declared command, and for help

    return unclaimed(one for one in declared() if isinstance(one, Command))


def _help(words: tuple[str, ...]) -> str:
    """The help of *words*, with every word that may follow."""
    from adapters.cli import helping

    everything = [*declared(), *_generic()]
    groups = {one.word: one.doc for one in everything if isinstance(one, Group)}
    rows: dict[str, str] = {}
    deeper: dict[str, set[str]] = {}
    for one in everything:
        if isinstance(one, Group):
            if not words:
                rows[one.word] = one.doc
        elif one.words[: len(words)] == words:
            single, word = len(one.words) == len(words) + 1, one.words[len(words)]
            if single:
                rows[word] = helping.first_sentence(one.doc)
            else:
                deeper.setdefault(word, set()).add(one.words[len(words) + 1])
    for word, below in deeper.items():
        rows.setdefault(word, f"Commands: {', '.join(sorted(below))}.")
    doc = groups.get(words[0], f"About {words[0]}.") if words else helping.WHAT
    return helping.words(" ".join(("arcops", *words)), doc, sorted(rows.items()))


def _without_server(line: Sequence[str]) -> tuple[str | None, list[str]]:
    """The URL of ``--server URL``, an option of every command that may come before or after it, and *line* without it."""
    for number, argument in enumerate(line):
        if argument == "--":
            break
        if argument == "--server":
            if number + 1 == len(line):
                raise Refused("--server: a value is missing after it; name the server's URL")
            return line[number + 1], [*line[:number], *line[number + 2 :]]
        if argument.startswith("--server="):
            return argument.partition("=")[2], [*line[:number], *line[number + 1 :]]
    return None, list(line)
