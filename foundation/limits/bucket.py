"""The arithmetic of a bucket and of a quota. Pure.

A bucket is one number, its mark: the moment at which it is full again. A call moves the mark by one interval, and is let
through if the mark is then at most ``burst`` intervals ahead. That is a token bucket of ``burst`` tokens, which gets one more
each interval (the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371, annex A). A full bucket needs no
row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a count stands after a call: was it ``let`` through, how many calls ``remain``, ``used`` of a quota (0 for a
    bucket), and the microseconds until one more is let through (``wait``) and until all are back (``reset``).
    """

    let: bool
    remain: int
    used: int
    wait: int
    reset: int


def of_bucket(mark: int, now: int, interval: int, burst: int) -> tuple[int, Standing]:
    """The new mark and the standing, if one more call comes at *now*. All in microseconds of one clock."""
    begun = max(mark, now)
    new = begun + interval
    over = new - now - burst * interval
    if over > 0:
        return mark, bucket_standing(mark, now, interval, burst, let=False)
    return new, bucket_standing(new, now, interval, burst, let=True)


def bucket_standing(mark: int, now: int, interval: int, burst: int, *, let: bool) -> Standing:
    """How the bucket with this *mark* stands at *now*."""
    debt = max(0, mark - now)
    remain = max(0, (burst * interval - debt) // interval)
    wait = max(0, debt - (burst - 1) * interval)
    return Standing(let=let, remain=remain, used=0, wait=wait, reset=debt)


def of_quota(used: int, left: int, most: int, calls: int = 1) -> Standing:
    """How a quota of *most* calls stands, if so many *calls* come after *used*; its window ends in *left* microseconds."""
    new = used + calls
    if new > most:
        return Standing(let=False, remain=max(0, most - used), used=used, wait=left, reset=left)
    return Standing(let=True, remain=most - new, used=new, wait=0 if new < most else left, reset=left)
