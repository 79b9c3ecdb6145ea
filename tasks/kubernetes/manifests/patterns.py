"""Regular expressions in RE2's syntax, searched for in linear time: the first match from the left, as Go finds it.

The search follows all ways at once (Pike's machine), so no pattern makes it exponential.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from tasks.kubernetes.manifests.pattern_syntax import PERL, Parser, Step, Unsupported


@lru_cache(maxsize=500)
def _machine(pattern: str) -> tuple[list[Step], int]:
    try:
        return Parser(pattern).machine()
    except RecursionError:
        raise Unsupported("it is nested too deep") from None


def matches(text: str, pattern: str, spend: Callable[[int], None]) -> Iterator[str]:
    """Every match of *pattern* in *text*, from the left, as Go's ``FindAllString`` gives them.

    *spend* is called with the steps that were taken and may raise. Raises `ValueError` if RE2 refuses it, and `Unsupported`.
    """
    steps, begin = _machine(pattern)
    place, before = 0, -1
    while place <= len(text):
        found = _search(steps, begin, text, place, spend)
        if found is None:
            return
        first, last = found
        wanted = not (last == place and first == before)
        place = last if last > place else place + 1
        before = last
        if wanted:
            yield text[first:last]


def _search(steps: list[Step], begin: int, text: str, place: int, spend: Callable[[int], None]) -> tuple[int, int] | None:
    best: tuple[int, int] | None = None
    now: dict[int, int] = {}
    while True:
        if best is None:
            _follow(steps, begin, place, text, place, now)
        spend(1 + len(now))
        later: dict[int, int] = {}
        one = text[place : place + 1]
        for number, first in now.items():
            step = steps[number]
            if step.test is not None:
                if one and step.test(one):
                    _follow(steps, step.ways[0], first, text, place + 1, later)
            elif not step.ways:
                best = first, place
                break  # the ways after this one are less wanted
        if not one or (not later and best is not None):
            return best
        now, place = later, place + 1


def _follow(steps: list[Step], number: int, first: int, text: str, place: int, into: dict[int, int]) -> None:
    """Add to *into* what can be reached from step *number* without a character, the most wanted first."""
    waiting = [number]
    while waiting:
        found = waiting.pop()
        if found in into:
            continue
        into[found] = first
        step = steps[found]
        if step.test is None and (not step.at or _is_at(step.at, text, place)):
            waiting.extend(reversed(step.ways))


def _is_at(where: str, text: str, place: int) -> bool:
    if where == "begin":
        return place == 0
    if where == "end":
        return place == len(text)
    if where == "line begin":
        return place == 0 or text[place - 1] == "\n"
    if where == "line end":
        return place == len(text) or text[place] == "\n"
    word = PERL["w"]
    edge = (place > 0 and word(text[place - 1])) != (place < len(text) and word(text[place]))
    return edge is (where == "edge")
