"""Is one thing slower than another by more than a tolerance? Three zones, by the ratio of medians and a bootstrap interval.

The unit is the session, not the sample: samples of one session share its heat, its clocks and its neighbours, so they are no
independent witnesses. Percentiles keep their order under the logarithm, so the interval of the log-ratio is the logarithm of
this one; staying with the ratio keeps every step in whole numbers, and the answer the same on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from arcops.errors import Refused

PPM = 1_000_000
LEAST_SESSIONS = 5
"""Below five, the interval that a bootstrap gives for a median holds the true one less often than it says."""

_RESAMPLES = 2000
_OUTSIDE = 25
"""Of 1000 resamples, how many lie below the interval, and how many above: 95 percent lie inside."""


class Zone(Enum):
    """``INSIDE``: even the bad end is within the tolerance. ``BEYOND``: even the good end is not. Else ``UNDECIDED``."""

    INSIDE = "inside"
    BEYOND = "beyond"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Time here over time there, in millionths: 1,050,000 is 5 percent slower. ``low`` to ``high`` holds it at 95 percent."""

    ratio: int
    low: int
    high: int

    def zone(self, tolerance: int) -> Zone:
        """*tolerance* in percent: how much slower is still the same."""
        most = PPM + tolerance * PPM // 100
        if self.low > most:
            return Zone.BEYOND
        return Zone.INSIDE if self.high <= most else Zone.UNDECIDED


def median(figures: Sequence[int]) -> int:
    """The middle one, or the mean of the two in the middle, rounded down. Raises `Refused` of nothing."""
    if not figures:
        raise Refused("nothing was measured, so it has no median")
    ordered = sorted(figures)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


def compare(here: Sequence[int], there: Sequence[int], *, seed: int = 0) -> Interval:
    """How *here* stands to *there*: each the positive medians of sessions, in one unit of time.

    Raises `Refused` where either has fewer than `LEAST_SESSIONS` sessions, or a time that is not positive.
    """
    for name, times in (("here", here), ("there", there)):
        if len(times) < LEAST_SESSIONS:
            raise Refused(f"{len(times)} session(s) {name} are too few to compare; measure at least {LEAST_SESSIONS}")
        if min(times) <= 0:
            raise Refused(f"a session {name} took {min(times)}, which no clock tells; measure again")
    draw = random.Random(seed)  # noqa: S311  # no secret: the same seed must draw the same again
    ratios = sorted(_ratio(_drawn(here, draw), _drawn(there, draw)) for _ in range(_RESAMPLES))
    outside = _RESAMPLES * _OUTSIDE // 1000
    return Interval(ratio=_ratio(here, there), low=ratios[outside], high=ratios[_RESAMPLES - 1 - outside])


def against(here: Sequence[int], figure: int, *, seed: int = 0) -> Interval:
    """How *here*, the medians of sessions, stands to a *figure* without any doubt of its own, such as a data sheet's."""
    return compare(here, (figure,) * LEAST_SESSIONS, seed=seed)


def _drawn(times: Sequence[int], draw: random.Random) -> list[int]:
    return [times[int(draw.random() * len(times))] for _ in times]


def _ratio(here: Sequence[int], there: Sequence[int]) -> int:
    return median(here) * PPM // median(there)
