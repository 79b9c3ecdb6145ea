"""A measured figure of two sides, in words."""

from __future__ import annotations

from arcops.zones import PPM
from capabilities.artifact.significance import FigureCompared

_TIMES = {"ns": 1, "us": 1000}
"""Nanoseconds in each unit of time."""


def in_words(one: FigureCompared) -> str:
    """The figure in a line: both sides, the ratio with its interval, and the conclusion."""
    said = f"{one.name}: {amount(one.a, one.unit)} → {amount(one.b, one.unit)}"
    if one.ratio is not None:
        said = f"{said}, {ratio(one)}"
    doubt = f" ({one.said})" if one.said else ""
    return f"{said}: {one.difference.value}{doubt}"


def amount(figure: int | None, unit: str) -> str:
    """*figure* with three significant digits, and its unit."""
    if figure is None:
        return "nothing"
    if unit not in _TIMES:
        return f"{figure / 1000:.4g} tokens/s"
    nanoseconds = figure * _TIMES[unit]
    size, name = next((one for one in ((10**9, "s"), (10**6, "ms"), (1000, "µs")) if nanoseconds >= one[0]), (1, "ns"))
    return f"{nanoseconds / size:.3g} {name}" if nanoseconds < 1000 * size else f"{nanoseconds // size} {name}"


def ratio(one: FigureCompared) -> str:
    """How much longer B takes, such as ``1.210 times [1.180 to 1.250]``; empty if no ratio is known."""
    if one.ratio is None:
        return ""
    between = f" [{one.low / PPM:.3f} to {one.high / PPM:.3f}]" if one.low is not None and one.high is not None else ""
    return f"{one.ratio / PPM:.3f} times{between}"


def lasting(seconds: int) -> str:
    """*seconds* in the two largest units, such as ``2 d 4 h``."""
    parts, rest = [], seconds
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
