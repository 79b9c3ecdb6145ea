"""What an operator decides about benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused
from arcops.signer import SignerRule
from arcops.zones import LEAST_SESSIONS
from gates.breach import Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPolicy:
    """Shares are percent. ``signers`` may sign baselines of the nodes that each rule's ``subjects`` name; by default, no key
    may.

    A figure may take ``tolerance`` longer than in the baseline (or the check's own tolerance if that is stricter). One that
    takes ``most_faster`` less makes the baseline doubtful. A baseline counts for ``most_age`` days. ``without_baseline``,
    ``other_software`` (than the baseline's) and ``unchecked`` (results that were not checked) say how grave each of these is.
    ``optional`` are globs of figures that a device may be unable to measure. A run below ``least_size`` (thousandths) does not
    count as a benchmark.

    A session whose canary is ``most_drift`` above its undisturbed time is disturbed. More than ``most_disturbed`` of them warn,
    and so does a canary ``most_drift`` away from the baseline's.

    The sustained load must run for ``least_sustained`` seconds. Rounds ``warn_growth`` longer at its end than at its beginning
    warn, ``most_growth`` fail; a clock ``warn_growth`` lower warns. Reasons for lower clocks in ``slow_passes`` pass, in
    ``slow_warns`` warn, all others fail; ``unasked`` is for a device that cannot report reasons.
    """

    signers: tuple[SignerRule, ...] = ()
    tolerance: int = 5
    most_faster: int = 20
    most_age: int = 180
    without_baseline: Weight = Weight.WARN
    other_software: Weight = Weight.WARN
    unchecked: Weight = Weight.FAIL
    optional: tuple[str, ...] = ()
    least_sessions: int = LEAST_SESSIONS
    least_size: int = 1000
    most_drift: int = 10
    most_disturbed: int = 20
    least_sustained: int = 10
    warn_growth: int = 10
    most_growth: int = 30
    slow_passes: tuple[str, ...] = ("gpu-idle", "applications-clocks-setting", "sync-boost", "display-clock-setting")
    slow_warns: tuple[str, ...] = ("software-power-cap",)
    unasked: Weight = Weight.FAIL

    def __post_init__(self) -> None:
        for name, figure, least, most in (
            ("tolerance", self.tolerance, 1, 50),
            ("mostFaster", self.most_faster, 1, 99),
            ("mostAge", self.most_age, 1, 3660),
            ("leastSessions", self.least_sessions, LEAST_SESSIONS, 40),
            ("leastSize", self.least_size, 1, 1000),
            ("mostDrift", self.most_drift, 1, 100),
            ("mostDisturbed", self.most_disturbed, 0, 100),
            ("leastSustained", self.least_sustained, 0, 3600),
            ("warnGrowth", self.warn_growth, 1, 100),
            ("mostGrowth", self.most_growth, self.warn_growth, 100),
        ):
            if not least <= figure <= most:
                raise Refused(f"the policy of gate 'benchmark' has {name} {figure}; use {least} to {most}")
        both = sorted(set(self.slow_passes) & set(self.slow_warns))
        if both:
            raise Refused(f"the policy of gate 'benchmark' says both that {both[0]!r} passes and that it warns")
