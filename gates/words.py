"""How gates show people names that come from outside."""

from __future__ import annotations


def shown(path: str) -> str:
    """*path* on one line, with what can't be printed escaped."""
    if path.isprintable():
        return path
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in path)
