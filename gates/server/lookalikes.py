"""Which known name a package's name imitates: another spelling, order or scope, a letter in a word, or words without sense."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SAME = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "|": "l"})
_PAIRS = (("rn", "m"), ("vv", "w"))
_SHORTEST = 5
_EMPTY = frozenset(
    """
    official python py python3 js ts node npm pip lib library plus pro lite cli new latest fixed fix patched safe secure dev
    alpha beta next original real true the my client tool tools app package pkg io org ai v
    """.split()  # noqa: SIM905  # a text is easier to read than a list of fifty
)
"""Words that a known name is decorated with, to look like the same."""
_OF_ALL = frozenset(("mcp", "server"))
"""Words that names of servers have anyway."""


def imitated(package: str, known: Iterable[str]) -> str:
    """The name of *known* that *package* (``pypi:NAME`` or ``npm:NAME``) imitates; empty if none, or if it is one of them."""
    names = tuple(known)
    if package in names:
        return ""
    source, _, name = package.partition(":")
    for one in names:
        where, _, other = one.partition(":")
        if _alike(name.lower(), other.lower(), same_index=where == source):
            return one
    return ""


def _alike(name: str, known: str, *, same_index: bool) -> bool:
    if name == known:
        return not same_index  # the name of another index's package
    meant, other = _meant(name), _meant(known)
    if meant and meant == other:
        return True
    if not same_index:
        return False
    if meant - _OF_ALL and meant - _OF_ALL == other - _OF_ALL:
        return True
    (scope, short), (known_scope, known_short) = _split(name), _split(known)
    if scope != known_scope and short == known_short:
        return bool(known_scope)  # the same package under another scope, or under none
    if _drawn(name) == _drawn(known) or _words(name) == _words(known):
        return True
    if min(len(name), len(known)) < _SHORTEST:
        return False
    return _one_apart(name, known) or _one_apart_each(name, known)


def _meant(name: str) -> frozenset[str]:
    """The words of *name* that say which server it is."""
    plain = re.sub(r"model-?context-?protocol", "mcp", name)
    words = (re.sub(r"[0-9]+$", "", one) for one in re.split(r"[-_.@/]", plain))
    return frozenset(one for one in words if one and one not in _EMPTY)


def _one_apart_each(name: str, known: str) -> bool:
    """Is each word of *name* that of *known*, or one letter away from it?"""
    words, others = (re.split(r"[-_.@/]", one) for one in (name, known))
    return len(words) == len(others) > 1 and all(
        one == other or _one_apart(one, other) for one, other in zip(words, others, strict=True)
    )


def _split(name: str) -> tuple[str, str]:
    scope, _, short = name.rpartition("/")
    return scope, short


def _drawn(name: str) -> str:
    """*name* as a person sees it at a glance."""
    plain = re.sub(r"[-_.@/]", "", name).translate(_SAME)
    for pair, letter in _PAIRS:
        plain = plain.replace(pair, letter)
    return plain


def _words(name: str) -> list[str]:
    return sorted(filter(None, re.split(r"[-_.@/]", name)))


def _one_apart(name: str, known: str) -> bool:
    """Is one letter too many, missing, another, or are two beside each other exchanged?"""
    if abs(len(name) - len(known)) > 1:
        return False
    start = next((at for at, (one, other) in enumerate(zip(name, known, strict=False)) if one != other), None)
    if start is None:
        return True
    one, other = name[start:], known[start:]
    exchanged = len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0] and one[2:] == other[2:]
    return one[1:] == other[1:] or one[1:] == other or one == other[1:] or exchanged
