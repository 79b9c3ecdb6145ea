"""What a policy decides for the gate ``inference``."""

from __future__ import annotations

from dataclasses import dataclass, fields

from arcops.errors import Refused
from gates.breach import Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class InferencePolicy:
    """Times are milliseconds, shares are percent; an aim of 0 means no aim. If fewer than ``least_good`` percent of requests
    meet every aim, the run is RED; if fewer than ``warn_good``, AMBER. This counts for runs up to ``most_concurrency`` and
    ``most_rate`` (requests in 1000 seconds; 0: for all runs). Up to ``most_failed`` errors warn, more fail. ``most_late`` is
    how late this machine may send a request. Interference is in percent of the time alone. ``most_load`` is how long loading a
    model may take, ``least_headroom`` the percent of memory that must stay free; 0 requires nothing, otherwise what was not
    measured is UNKNOWN. ``without_health`` says how grave it is that a server has no health route: 'fail' is UNKNOWN, so RED.
    ``need_tools``: calls of tools must have been asked for (``--tools``).
    """

    most_ttft: int = 500
    most_itl: int = 50
    most_tpot: int = 50
    most_e2e: int = 0
    least_good: int = 100
    warn_good: int = 100
    most_concurrency: int = 0
    most_rate: int = 0
    most_failed: int = 0
    least_requests: int = 8
    most_late: int = 50
    most_interference: int = 150
    warn_interference: int = 120
    determinism: Weight = Weight.FAIL
    uncounted: Weight = Weight.FAIL
    without_health: Weight = Weight.FAIL
    most_load: int = 60_000
    least_headroom: int = 10
    need_tools: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            figure = getattr(self, field.name)
            if isinstance(figure, int) and figure < 0:
                raise Refused(f"the policy of gate 'inference' has {field.name} {figure}; use 0 or more")
        if not 0 < self.least_good <= self.warn_good <= 100:
            raise Refused("the policy of gate 'inference' needs 0 < leastGood <= warnGood <= 100")
        if not 100 <= self.warn_interference <= self.most_interference:
            raise Refused("the policy of gate 'inference' needs 100 <= warnInterference <= mostInterference")
        if self.most_failed >= 100 or self.least_requests < 2:
            raise Refused("the policy of gate 'inference' needs mostFailed < 100 and leastRequests of 2 or more")
        if self.least_headroom >= 100:
            raise Refused("the policy of gate 'inference' needs leastHeadroom < 100")
        if not (self.most_ttft or self.most_itl or self.most_tpot or self.most_e2e):
            raise Refused("the policy of gate 'inference' has no aim; give mostTtft, mostItl, mostTpot or mostE2e")
