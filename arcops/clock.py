"""Clocks differ a little between machines: how far a moment lies ahead, and whether that can be two honest clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum


class Ahead(Enum):
    """Where a moment lies that should have passed."""

    NO = "no"
    INSIDE = "inside"
    """Ahead, by no more than honest clocks may differ: a warning."""
    OUTSIDE = "outside"
    """In the future: nothing that is dated so counts."""


def ahead(moment: datetime, *, at: datetime, skew: timedelta) -> Ahead:
    """How *moment* lies to *at*, the clock that is read here, if other clocks may be ahead of it by *skew*."""
    if moment <= at:
        return Ahead.NO
    return Ahead.INSIDE if moment - at <= skew else Ahead.OUTSIDE


def offset(moment: datetime, at: datetime) -> str:
    """How far *moment* is ahead of *at*, in the largest unit that says it: ``20 s``, ``3 min``, ``14 days``."""
    seconds = (moment - at).total_seconds()
    if seconds < 120:
        return f"{seconds:g} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
