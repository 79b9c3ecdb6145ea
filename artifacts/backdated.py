"""Times that cannot be: an artifact that says it was judged before others were kept, or after it was kept itself.

The log gives an order that no one can change later. An artifact that is judged now is kept after everything that was kept
before, so an earlier time of judging is a claim about the past. Two things explain it: the work took long, and others were kept
meanwhile; or the artifact was imported. The entry says both. A writer can lie about them, so no work may take longer than
`MOST_WORK`, and a listing shows from where an artifact was brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.policy import SKEW
from artifacts.entries import BROUGHT, Entry, read_line
from artifacts.misfit import Misfit
from artifacts.moments import read_moment

_AT = late(rb'\{"artifact":"sha256:[0-9a-f]{64}","at":"([0-9T:.Z-]{20,27})"')
MOST_WORK = timedelta(hours=8)
"""More than any check takes: the longest deadline of a collector is six hours."""


def untimely(entry: Entry, judged_at: str, newest: datetime | None) -> str:
    """What is wrong with the times of *entry*, the first of its artifact, as a clause; empty if nothing is.

    *judged_at* is the artifact's own time of judging (RFC 3339), empty if it has none. *newest* is the newest moment at which
    an earlier entry was made.
    """
    if newest is not None and entry.at < newest:
        return f"it was kept at {_said(entry.at)}, but an earlier entry of the log at {_said(newest)}: backdated"
    judged = _moment(judged_at)
    if judged is None:
        return ""
    if judged - entry.at > SKEW:
        return f"it says that it was judged at {_said(judged)}, after it was kept at {_said(entry.at)}: dated ahead"
    if newest is None or newest - judged <= SKEW or entry.brought or _at_work(entry, judged):
        return ""
    return f"it says that it was judged at {_said(judged)}, but an entry of {_said(newest)} is before it in the log: backdated"


def untimely_at(lines: Sequence[bytes], position: int, judged_at: str) -> str:
    """As `untimely`, of the entry at *position* of the log's *lines*; also empty if it cannot be read."""
    try:
        if _plain(lines, position, judged_at):
            return ""
        entry = read_line(lines[position])
        said = untimely(entry, judged_at, read_line(lines[position - 1]).at if position else None)
    except (Refused, IndexError):  # `store check` says what is wrong with the line
        return ""
    return said if said and not _again(lines[:position], entry) else ""


def _plain(lines: Sequence[bytes], position: int, judged_at: str) -> bool:
    """Are the times plainly in order? It only reads the moments in the lines, because a listing asks this of each row."""
    own, before = _AT.match(lines[position]), _AT.match(lines[position - 1]) if position else None
    judged = _moment(judged_at)
    if own is None or (position and before is None):
        return False
    at, earlier = _moment(own[1].decode()), _moment(before[1].decode()) if before else None
    if at is None or (earlier is not None and at < earlier):
        return False
    return judged is None or (judged - at <= SKEW and (earlier is None or earlier - judged <= SKEW))


def brought_at(lines: Sequence[bytes], position: int) -> str:
    """The log from which the artifact of the entry at *position* was imported; empty if it was not, or cannot be read."""
    try:
        return read_line(lines[position]).brought if BROUGHT in lines[position] else ""
    except (Refused, IndexError):
        return ""


def _again(before: Sequence[bytes], entry: Entry) -> bool:
    """Was the artifact of *entry* kept *before*? Then this entry adds evidence, and the first one counts."""
    start = f'{{"artifact":"{entry.artifact}"'.encode()
    return any(line.startswith(start) for line in before)


def _at_work(entry: Entry, judged: datetime) -> bool:
    """Did the work begin when *judged* says, and end within the time that work may take?"""
    begun = _moment(entry.begun)
    return begun is not None and abs(judged - begun) <= SKEW and entry.at - begun <= MOST_WORK


def _moment(text: str) -> datetime | None:
    try:
        return read_moment(text) if text else None
    except Misfit:
        return None


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
