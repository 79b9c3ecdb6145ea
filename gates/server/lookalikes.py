"""Which known name a package's name imitates: another spelling, other words' order, one letter, another scope."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SAME = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "|": "l"})
_PAIRS = (("rn", "m"), ("vv", "w"))
_SHORTEST = 5


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
    if not same_index:
        return False
    (scope, short), (known_scope, known_short) = _split(name), _split(known)
    if scope != known_scope and short == known_short:
        return bool(known_scope)  # the same package under another scope, or under none
    if _drawn(name) == _drawn(known) or _words(name) == _words(known):
        return True
    return min(len(name), len(known)) >= _SHORTEST and _one_apart(name, known)


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
