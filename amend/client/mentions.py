"""What the command and the arguments of a server name although it has fields of its own: packages, variables, headers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase

from amend.client.launching import plain_name
from arcops.seen.client import Wanted

_VERSION = re.compile(r"(?:===?|~=|>=|<=|!=|[<>\[;@ ]).*\Z")
_VARIABLE = re.compile(r"(?:-e|--?env=|\$env:)?([A-Za-z_][A-Za-z0-9_]*)=")
_HEADER = re.compile(r"(?:-H|--?headers?=)?([!#$%&'*+.^_`|~0-9A-Za-z-]+):(?!//)")
_FOLDERS = re.compile(r".*[\\/]|\.(?:exe|cmd|bat)\Z", re.IGNORECASE)
_PASSED = ("-e", "--env", "-env")


def started_otherwise(server: Wanted, package: str, version: str) -> Iterator[tuple[int, str]]:
    """Each place at which the command of *server* names the *package* (a glob with its ecosystem), but not at that *version*:
    the number of the argument, 0 for the command itself, and the package.
    """
    kind, _, name = package.partition(":")
    if not name.strip("*"):
        return  # every word would be one
    wanted = plain_name(package)
    for number, word in _words(server):
        other = word.partition("=")[2] if word.startswith("-") else _FOLDERS.sub("", word) if not number else word
        for one in dict.fromkeys((word, other)):
            found, had = _package(kind, one)
            if found and fnmatchcase(plain_name(f"{kind}:{found}"), wanted) and had != version:
                yield number, f"{kind}:{found}"


def set_by_arguments(server: Wanted, kind: str) -> Iterator[tuple[int, str]]:
    """Each variable, or header (*kind*), that an argument of *server* sets or passes on: the number of the argument, and the
    name.
    """
    form = _HEADER if kind == "header" else _VARIABLE
    before = ""
    for number, word in _words(server):
        if found := form.match(word):
            yield number, found[1]
        elif kind == "env" and before in _PASSED:
            yield number, word
        before = word


def _words(server: Wanted) -> Iterator[tuple[int, str]]:
    """The words of the command and the arguments, also of a command that is one argument, as after ``sh -c``."""
    for number, text in enumerate((server.command, *server.args)):
        yield number, text
        if any(one.isspace() for one in text):
            try:
                words = shlex.split(text)
            except ValueError:  # a quotation without an end
                words = text.split()
            yield from ((number, one) for one in words)


def _package(kind: str, word: str) -> tuple[str, str]:
    """The name and the version of the package of that *kind* that *word* may be; both empty if it cannot be one."""
    word = word.strip("\"'")
    if kind == "npm":
        word = word.partition("npm:")[2] or word  # NAME@npm:OTHER is an alias
        at = word.rfind("@")
        return (word[:at], word[at + 1 :]) if at > 0 else (word, "")
    if kind == "oci":
        name, _, digest = word.removeprefix("docker://").partition("@")
        return name, digest
    name = _VERSION.sub("", word)
    return name, word[len(name) :].removeprefix("==").removeprefix("@") if name else ""
