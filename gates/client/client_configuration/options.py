"""The values of a program's options that are secrets: ``--password V``, ``-pV``, ``-u NAME:V``. Pure functions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from gates.client.client_configuration.disguises import LONGEST
from gates.client.client_configuration.names import named_secret

_USER = re.compile(r"-u|--(?:[a-z]+-)*(?:user|userpwd|login|basic)\Z")
_PAIR = re.compile(r"(?![0-9]+:[0-9]+\Z)[^\s:/]+:(?!//)[^\s]+\Z")
_WORD = re.compile(r"p[a-z]+(?:-[a-z]+)*\Z")
_KNOWN = frozenset(
    ("port", "ports", "path", "paths", "prefix", "profile", "pretty", "print", "project", "plugin", "plugins", "provider",
     "proxy", "protocol", "params", "preset", "parallel", "pid", "platform", "package", "page", "policy", "publish", "pipe",
     "ping", "poll", "prod", "production", "prompt", "public", "private", "pull", "push", "python", "patch", "pattern",
     "persist", "preview", "process", "progress")
)  # fmt: skip
"""Options that some programs write with one dash, so that ``-port`` is not ``-p`` with a password."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+\Z")
_PORT = re.compile(r"[0-9.:/=-]+(?:tcp|udp)?\Z")
_WINDOWS = re.compile(r"/([A-Za-z][A-Za-z_-]*)(?::(.+))?\Z")
"""An option as programs of Windows have them. A path has more than one slash."""
_MIXED = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])[^\s/:._-]{6,}\Z")


def secret_values(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option and variable of *arguments* that says that its value is a secret, with that value."""
    for number, argument in enumerate(arguments):
        after = arguments[number + 1] if number + 1 < len(arguments) else ""
        flag, equals, value = argument.partition("=")
        if found := _WINDOWS.match(argument):
            value = found[2] or (after if _MIXED.match(after) else "")
            if value and (named_secret(found[1], value) or (found[1].lower() == "p" and _MIXED.match(value))):
                yield argument.partition(":")[0], value
            continue
        if not flag.startswith("-"):
            if not value and _MIXED.match(after) and named_secret(flag, after):  # a program's own language: password V
                yield flag, after
            if value and _VARIABLE.match(flag) and named_secret(flag, value):  # as after -e of a container
                yield flag, value
            continue
        value = value if equals else after
        if flag.startswith("-p") and not flag.startswith("--") and flag != "-p" and _short(argument[2:]):
            yield "-p", argument[2:]
        elif flag == "-p" and _MIXED.match(value):
            yield flag, value
        elif flag.startswith("-u") and len(flag) > 2 and _PAIR.match(argument[2:]):
            yield "-u", argument[2:]
        elif value and ((_USER.match(flag) and _PAIR.match(value)) or named_secret(flag.lstrip("-"), value)):
            yield flag, value


def secret_values_of_a_line(text: str) -> Iterator[tuple[str, str]]:
    """`secret_values` of a command that is one *text*, as after ``sh -c``."""
    if len(text) > LONGEST or not any(one.isspace() for one in text):
        return
    try:
        words = shlex.split(text)
    except ValueError:  # a quotation without an end
        words = text.split()
    yield from secret_values(words)


def _short(attached: str) -> bool:
    """Is *attached*, which follows ``-p`` without a space, a password: no port, and no option with one dash?"""
    word = f"p{attached.partition('=')[0]}"
    return not _PORT.match(attached) and word not in _KNOWN and not (_WORD.match(word) and "-" in word)
