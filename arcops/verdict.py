"""The verdict: GREEN < AMBER < RED, and the worst of nothing is RED."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import total_ordering


@total_ordering
class Verdict(Enum):
    """What a gate, or all gates together, concluded. A greater verdict is a worse one."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"

    __hash__ = object.__hash__  # each is one object; an enum's own hash is one of its name, which takes ten times as long

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        return _SEVERITY[self] < _SEVERITY[other]


_SEVERITY = {Verdict.GREEN: 0, Verdict.AMBER: 1, Verdict.RED: 2}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of *verdicts*. If there is no verdict, nothing was judged, so the result is RED."""
    return max(verdicts, default=Verdict.RED)
