"""Is one thing slower than another by more than a tolerance? Three zones, by the ratio of medians and a bootstrap interval.

The unit is the session, not the sample: samples of one session share its heat, its clocks and other load, so they are not
independent. Percentiles keep their order under the logarithm, so the interval of the log-ratio is the logarithm of this one.
The ratio keeps every step in whole numbers, and the answer the same on every machine.

No random numbers are used: how often each of the times is the median of a resample is known exactly (B. Efron, "Bootstrap
Methods: Another Look at the Jackknife", 1979, section 2), so it is counted here instead of sampled. If the number of times is
even, each resample has one fewer, so that a median is always one of the times; this makes the interval a little wider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import comb

from arcops.errors import Refused

PPM = 1_000_000
LEAST_SESSIONS = 5
"""With five, the 95 percent interval held the true ratio in 96.8 of 100 simulated cases; with four in 94.0, with three in 90.7
(``benches/judging.py``)."""

_SURE = 1
"""As `_OUTSIDE`, for an interval of 99.8 percent: nothing is called slow that is not beyond the limit by this one."""
_OUTSIDE = 25
"""Of 1000 resamples, how many are below the interval, and how many above: 95 percent are inside."""


class Zone(Enum):
    """``INSIDE``: even the bad end is within the tolerance. ``BEYOND``: even the good end is not. Else ``UNDECIDED``."""

    INSIDE = "inside"
    BEYOND = "beyond"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Time here over time there, in millionths: 1,050,000 is 5 percent slower. ``low`` to ``high`` is its 95 percent
    interval.
    """

    ratio: int
    low: int
    high: int

    def zone(self, tolerance: int) -> Zone:
        """*tolerance* in percent: how much slower still counts as equal."""
        most = PPM + tolerance * PPM // 100
        if self.low > most:
            return Zone.BEYOND
        return Zone.INSIDE if self.high <= most else Zone.UNDECIDED


def median(figures: Sequence[int]) -> int:
    """The middle one, or the mean of the two in the middle, rounded down. Raises `Refused` if there is no figure."""
    if not figures:
        raise Refused("nothing was measured, so it has no median")
    ordered = sorted(figures)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


def compare(here: Sequence[int], there: Sequence[int]) -> Interval:
    """*here* compared with *there*: each are the positive medians of sessions, in one unit of time.

    Raises `Refused` if either has fewer than `LEAST_SESSIONS` sessions, or a time that is not positive.
    """
    for name, times in (("here", here), ("there", there)):
        if len(times) < LEAST_SESSIONS:
            raise Refused(f"{len(times)} session(s) {name} are too few to compare; measure at least {LEAST_SESSIONS}")
        if min(times) <= 0:
            raise Refused(f"a session {name} took {min(times)} ns, which is not possible; measure again")
    ours, theirs = sorted(here), sorted(there)
    return Interval(
        ratio=median(here) * PPM // median(there),
        low=_percentile(ours, theirs, _OUTSIDE),
        high=_percentile(ours, theirs, 1000 - _OUTSIDE),
    )


def decided(here: Sequence[int], there: Sequence[int], tolerance: int) -> Zone:
    """Is *here* slower than *there* by more than *tolerance* percent? Both are medians of sessions, each in its own process.

    ``BEYOND``: by more than the tolerance even at the good end of its 99.8 percent interval, and in its fastest session.
    ``INSIDE``: within the tolerance even at the bad end of its 95 percent interval; or within three quarters of the tolerance,
    and within less than twice the tolerance at that end. ``benches/judging.py`` shows the errors of this rule for many kinds of
    noise: it has the least ``UNDECIDED`` of those that call at most one of a hundred equal machines slow, and at most one of a
    hundred good that take 20 percent longer. Raises `Refused` as `compare` does.
    """
    interval = compare(here, there)
    parts, once, twice = (PPM + tolerance * PPM * hundredths // 10_000 for hundredths in (75, 100, 200))
    if min(here) * PPM > once * median(there) and _percentile(sorted(here), sorted(there), _SURE) > once:
        return Zone.BEYOND
    if interval.high <= once or (interval.ratio <= parts and interval.high < twice):
        return Zone.INSIDE
    return Zone.UNDECIDED


def against(here: Sequence[int], figure: int) -> Interval:
    """*here*, the medians of sessions, compared with an exact *figure*, such as a data sheet's."""
    return compare(here, (figure,) * LEAST_SESSIONS)


@cache
def _reached(count: int) -> tuple[int, ...]:
    """The number of resamples of *count* times that have a median of at most the k-th smallest time, for k from 0 to
    *count*.
    """
    drawn = count - 1 + count % 2
    half = drawn // 2 + 1
    return tuple(
        sum(comb(drawn, low) * k**low * (count - k) ** (drawn - low) for low in range(half, drawn + 1))
        for k in range(count + 1)
    )


def _percentile(ours: Sequence[int], theirs: Sequence[int], per_mille: int) -> int:
    """The smallest ratio that at least *per_mille* of 1000 pairs of resamples do not exceed."""
    reached, weights = _reached(len(ours)), _reached(len(theirs))
    needed = per_mille * reached[-1] * weights[-1]
    least, most = ours[0] * PPM // theirs[-1], ours[-1] * PPM // theirs[0]
    while least < most:
        tried = (least + most) // 2
        below = at = 0
        for number, other in enumerate(theirs):
            while at < len(ours) and ours[at] * PPM < (tried + 1) * other:
                at += 1
            below += reached[at] * (weights[number + 1] - weights[number])
        if below * 1000 >= needed:
            most = tried
        else:
            least = tried + 1
    return least
