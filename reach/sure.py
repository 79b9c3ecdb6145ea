"""Answers that may be uncertain: no, perhaps, yes. If all must be true, the lowest counts; if one must, the highest."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Sure(IntEnum):
    """How sure it is that something is true."""

    NO = 0
    PERHAPS = 1
    YES = 2

    @property
    def turned(self) -> Sure:
        """How sure it is that it is not true."""
        return Sure(2 - self)


def sure(holds: bool) -> Sure:
    return Sure.YES if holds else Sure.NO


def every(answers: Iterable[Sure]) -> Sure:
    """All of them; YES for an empty list."""
    return min(answers, default=Sure.YES)


def some(answers: Iterable[Sure]) -> Sure:
    """At least one of them; NO for an empty list."""
    return max(answers, default=Sure.NO)
