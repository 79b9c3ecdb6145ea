"""Clocks differ a little between machines: how far a moment is ahead, and whether two correct clocks can differ so much."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum


class Ahead(Enum):
    """How far a moment that should be in the past is ahead."""

    NO = "no"
    INSIDE = "inside"
    """Ahead, by no more than correct clocks may differ: a warning."""
    OUTSIDE = "outside"
    """In the future: nothing with such a date counts."""


def ahead(moment: datetime, *, at: datetime, skew: timedelta) -> Ahead:
    """Whether *moment* is ahead of *at*, the time of this machine's clock, if other clocks may be ahead of it by *skew*."""
    if moment <= at:
        return Ahead.NO
    return Ahead.INSIDE if moment - at <= skew else Ahead.OUTSIDE


def offset(moment: datetime, at: datetime) -> str:
    """How far *moment* is ahead of *at*, in the largest fitting unit: ``20 s``, ``3 min``, ``14 days``."""
    seconds = (moment - at).total_seconds()
    if seconds < 120:
        return f"{seconds:g} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
