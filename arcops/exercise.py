"""What a benchmark is asked to do with a machine. All times are whole microseconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.errors import Refused
from arcops.left_out import LEFT_OUT
from arcops.zones import LEAST_SESSIONS

FOR_A_BASELINE = 9
"""Sessions of a run that may become a baseline: its uncertainty is part of every later comparison (``benches/judging.py``)."""
_MOST_SESSIONS = 40
_MOST_BUDGET = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """``cpu``: measure the processor, on a node without a GPU. The exercise is written into the evidence unchanged.

    Between ``least`` and ``most`` sessions are made: more sessions follow until every figure is decided against the baseline by
    ``tolerance`` (percent), or ``budget`` is spent. Only undisturbed sessions count (the canary at most ``drift`` percent above
    calm). ``sustained`` is how long one load runs to watch clocks and throttling; 0: it does not run. Operands follow from
    ``seed``. ``size`` scales every buffer and matrix, in thousandths: 1000 to measure, less for a trial. ``fresh``: each
    session has a process of its own, so that no two share what a process keeps, such as the place of its memory.
    """

    cpu: bool = False
    least: int = LEAST_SESSIONS
    most: int = 15
    tolerance: int = 5
    drift: int = 10
    sustained: int = 10_000_000
    budget: int = 600_000_000
    seed: int = 1
    size: int = 1000
    fresh: bool = field(default=False, metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        for what, figure, least, most in (
            ("the least number of sessions", self.least, LEAST_SESSIONS, _MOST_SESSIONS),
            ("the greatest number of sessions", self.most, self.least, _MOST_SESSIONS),
            ("the tolerance in percent", self.tolerance, 1, 50),
            ("the drift in percent", self.drift, 1, 100),
            ("the sustained load in microseconds", self.sustained, 0, self.budget),
            ("the budget in microseconds", self.budget, 1_000_000, _MOST_BUDGET),
            ("the seed", self.seed, 0, 2**31),
            ("the size in thousandths", self.size, 1, 1000),
        ):
            if not least <= figure <= most:
                raise Refused(f"{what} is {figure}; it must be between {least} and {most}")
