"""Durations as text: ISO 8601, with a year of 365 days and a month of 30."""

from __future__ import annotations

from datetime import timedelta

from arcops.late_pattern import late
from arcops.quoting import quoted
from artifacts.misfit import Misfit, other

WANTED = "a duration such as P7D or PT2M"
_DAY = 24 * 3600
_SECONDS = {
    "years": 365 * _DAY,
    "months": 30 * _DAY,
    "weeks": 7 * _DAY,
    "days": _DAY,
    "hours": 3600,
    "minutes": 60,
    "seconds": 1,
}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_DURATION = late(
    r"(?!.*\.[0-9]*[A-Z].)"  # a point in the last number only
    rf"(?P<sign>[+-])?P(?=[0-9T])(?:(?P<years>{_NUMBER})Y)?(?:(?P<months>{_NUMBER})M)?(?:(?P<weeks>{_NUMBER})W)?"
    rf"(?:(?P<days>{_NUMBER})D)?(?:T(?=[0-9])(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?"
    rf"(?:(?P<seconds>{_NUMBER})S)?)?"
)


def duration(span: timedelta) -> str:
    """*span* as ``P1Y2DT3H4M5.6S``, without units that are zero; ``PT0S`` for no time."""
    if not span:
        return "PT0S"
    sign, span = ("-", -span) if span < timedelta(0) else ("", span)
    years, days = divmod(span.days, 365)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = f"{seconds}.{span.microseconds:06}".rstrip("0") if span.microseconds else str(seconds or "")
    date = "".join(f"{count}{unit}" for count, unit in ((years, "Y"), (days, "D")) if count)
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (parts, "S")) if count)
    return f"{sign}P{date}{'T' if time else ''}{time}"


def read_duration(value: object) -> timedelta:
    """The duration in *value*. Raises `Misfit` if it is not a duration."""
    if type(value) is not str:
        raise other(WANTED, value)
    found = _DURATION.fullmatch(value)
    if found is None:
        raise Misfit(f"{WANTED} is expected, not {quoted(value, 40)}")
    micros = sum(_micros(found[unit]) * seconds for unit, seconds in _SECONDS.items() if found[unit])
    try:
        return timedelta(microseconds=-micros if found["sign"] == "-" else micros)
    except OverflowError as error:
        raise Misfit(f"{value[:40]} is longer than the longest duration that is supported") from error


def _micros(number: str) -> int:
    """*number*, with at most six digits after the point, in millionths."""
    whole, _, part = number.partition(".")
    return int(whole + part.ljust(6, "0"))
