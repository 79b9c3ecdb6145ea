"""Answers about names that are asked again and again: the keys of settings, the names of files."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

LONGEST = 100
"""Characters. A longer name is not kept, so that a hostile file can't fill the memory of a server."""
MOST = 2048


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """*function*, which answers the same to the same name always; its answers to short names are kept."""
    kept = lru_cache(maxsize=MOST)(function)

    @wraps(function)
    def answer(name: str) -> T:
        return kept(name) if len(name) <= LONGEST else function(name)

    return answer
