"""Moments as text: RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from arcops.errors import Broken
from arcops.late_pattern import late
from arcops.quoting import quoted
from artifacts.misfit import Misfit, other

MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z$"
WANTED = "a moment such as 2026-11-21T12:00:00Z"
_MINUTE = timedelta(minutes=1)
_MOMENT = late(MOMENT.removesuffix("$") + r"\Z")
_SPELLED = late(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
)


def moment(at: datetime) -> str:
    """*at* in UTC as RFC 3339 with ``Z``; microseconds only if there are any. Raises `Broken` without a time zone."""
    if at.tzinfo is None:
        raise Broken(f"the time {at} has no time zone, so it cannot be signed")
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def moment_as_given(at: datetime) -> str:
    """*at* in its own time zone; with ``Z`` if it is UTC's, and without a zone if it has none.

    RFC 3339 tells a zone by whole minutes from UTC (section 4.2). Before clocks were set by zones, places differed by seconds;
    such a moment is written in the nearest zone east of its own, so that it stays the same moment.
    """
    local, offset = at.replace(tzinfo=None), at.utcoffset()
    if offset is None:
        return local.isoformat()
    minutes = -(-offset // _MINUTE)
    text = (local + (minutes * _MINUTE - offset)).isoformat()
    if not minutes:
        return f"{text}Z"
    hours, rest = divmod(abs(minutes), 60)
    return f"{text}{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def read_moment(value: object) -> datetime:
    """The moment that `moment` wrote. Raises `Misfit` for every other spelling."""
    return _read(value, _MOMENT)


def read_spelled_moment(value: object) -> datetime:
    """A moment as people and programs write it: with or without an offset, seconds or fractions, and with ``T`` or a space."""
    return _read(value, _SPELLED)


def _read(value: object, pattern: re.Pattern[str]) -> datetime:
    if type(value) is not str:
        raise other(WANTED, value)
    if not pattern.fullmatch(value):
        raise Misfit(f"{WANTED} is expected, not {quoted(value, 40)}")
    try:
        found = datetime.fromisoformat(value.upper())
        if found.tzinfo is not None:
            found.astimezone(UTC)  # the first and the last hours of all in some zones are no time in UTC
        return found
    except (ValueError, OverflowError) as error:
        raise Misfit(f"{value[:40]} is not a moment: {error}") from error
