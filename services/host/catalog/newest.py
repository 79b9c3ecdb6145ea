"""Which version of an entry is the newest: by semantic versioning if both follow it, else by when they were published.

Source: modelcontextprotocol/registry, docs (versioning); Semantic Versioning 2.0.0, 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cmp_to_key

_SEMANTIC = re.compile(
    r"(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)

Dated = tuple[str, int]
"""A version, and when it was published, in milliseconds since 1970."""


def newest(versions: Iterable[Dated]) -> str:
    """The newest of *versions*; empty if there are no versions."""
    found = ordered(versions)
    return found[0][0] if found else ""


def ordered(versions: Iterable[Dated]) -> list[Dated]:
    """*versions*, the newest first."""
    return sorted(versions, key=cmp_to_key(_compared), reverse=True)


def _compared(one: Dated, two: Dated) -> int:
    left, right = _SEMANTIC.fullmatch(one[0]), _SEMANTIC.fullmatch(two[0])
    if left and right:
        by = [tuple(int(part) for part in found.groups()[:3]) for found in (left, right)]
        if by[0] != by[1]:
            return 1 if by[0] > by[1] else -1
        before = [_prerelease(found[4]) for found in (left, right)]
        if before[0] != before[1]:
            return 1 if before[0] > before[1] else -1
    elif left or right:
        return 1 if left else -1
    return (one[1] > two[1]) - (one[1] < two[1]) or (one[0] > two[0]) - (one[0] < two[0])


def _prerelease(text: str | None) -> tuple[int, tuple[tuple[int, int, str], ...]]:
    """What sorts as semantic versioning says: a release after its prereleases, numbers before words, shorter before longer."""
    if text is None:
        return 1, ()
    return 0, tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in text.split("."))
