"""Answers of which some are not certain: no, perhaps, yes. The lower counts where all must hold, the higher where one must."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Sure(IntEnum):
    """How sure it is that something holds."""

    NO = 0
    PERHAPS = 1
    YES = 2

    @property
    def turned(self) -> Sure:
        """How sure it is that it does not hold."""
        return Sure(2 - self)


def sure(holds: bool) -> Sure:
    return Sure.YES if holds else Sure.NO


def every(answers: Iterable[Sure]) -> Sure:
    """All of them: YES where there are none."""
    return min(answers, default=Sure.YES)


def some(answers: Iterable[Sure]) -> Sure:
    """At least one of them: NO where there are none."""
    return max(answers, default=Sure.NO)
