"""The figures of this site's hosting, each with its definition and its target, measured from the records. Pure.

Names, definitions and targets are those of the requirements (HOST-KPI). A figure of which there is no record has no value.
Percentiles are of the nearest rank. Times of a clock that was set back meanwhile do not count.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from services.host.figures.records import Ending, Kind, Record

FRESH = timedelta(days=30)
FIRST_REQUESTS = 3
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


class Unit(Enum):
    """What a figure is measured in."""

    SECONDS = "seconds"
    PERCENT = "percent"


class Aim(Enum):
    """Which values are as they should be."""

    UNDER = "under"
    OVER = "over"
    ALL = "all"
    """100 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Sums over the calls of hosted servers: how many there were, and how many are in the audit log with who called."""

    calls: int
    audited: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the figures are measured from, at the moment ``now``. ``first_row`` is when the first server's row was made."""

    records: Mapping[Kind, Sequence[Record]]
    calls: Calls
    first_row: datetime | None
    now: datetime

    def of(self, kind: Kind) -> Sequence[Record]:
        """The records of one kind, the oldest first."""
        return self.records.get(kind, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. ``value`` is ``None`` if there is no record of it, and ``count`` how many there are."""

    key: str
    name: str
    definition: str
    unit: Unit
    aim: Aim
    target: float
    value: float | None
    count: int

    @property
    def met(self) -> bool | None:
        """Is the value as it should be? ``None`` if there is no record."""
        if self.value is None:
            return None
        match self.aim:
            case Aim.UNDER:
                return self.value < self.target
            case Aim.OVER:
                return self.value > self.target
            case Aim.ALL:
                return self.value >= self.target


Measured = tuple[float | None, int]
Measure = Callable[[Seen], Measured]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kpi:
    key: str
    name: str
    definition: str
    unit: Unit
    aim: Aim
    target: float
    measure: Measure


def figures(seen: Seen) -> tuple[Figure, ...]:
    """Every figure, in the order of the requirements."""
    found = []
    for one in _KPIS:
        value, count = one.measure(seen)
        found.append(
            Figure(
                key=one.key,
                name=one.name,
                definition=one.definition,
                unit=one.unit,
                aim=one.aim,
                target=one.target,
                value=value,
                count=count,
            )
        )
    return tuple(found)


def percentile(values: Sequence[float], part: float) -> float:
    """The value of the nearest rank: the smallest that *part* of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _seconds(records: Iterable[Record]) -> list[float]:
    return [one.seconds for one in records if one.seconds is not None]


def _over(measure: Callable[[Sequence[float]], float], values: Sequence[float]) -> Measured:
    return (measure(values), len(values)) if values else (None, 0)


def _p95(kind: Kind) -> Measure:
    def measure(seen: Seen) -> Measured:
        return _over(lambda values: percentile(values, 0.95), _seconds(_done(seen, kind)))

    return measure


def _mean(kind: Kind) -> Measure:
    def measure(seen: Seen) -> Measured:
        return _over(statistics.fmean, _seconds(_done(seen, kind)))

    return measure


def _rate(kind: Kind) -> Measure:
    def measure(seen: Seen) -> Measured:
        found = seen.of(kind)
        return (100 * len(_done(seen, kind)) / len(found), len(found)) if found else (None, 0)

    return measure


def _done(seen: Seen, kind: Kind) -> list[Record]:
    return [one for one in seen.of(kind) if one.outcome is Ending.DONE]


def _first_server(seen: Seen) -> Measured:
    begins = [one.began for one in seen.of(Kind.SITE)] + ([seen.first_row] if seen.first_row is not None else [])
    if not begins:
        return None, 0
    begin = min(begins)
    ends = [one.ended for kind in (Kind.DEPLOYMENT, Kind.JIT) for one in _done(seen, kind) if one.ended >= begin]
    return ((min(ends) - begin).total_seconds(), 1) if ends else (None, 0)


def _freshness(seen: Seen) -> Measured:
    newest: dict[str, datetime] = {}
    for one in seen.of(Kind.DOCUMENT):
        newest[one.subject] = max(one.ended, newest.get(one.subject, one.ended))
    if not newest:
        return None, 0
    fresh = sum(seen.now - FRESH <= one <= seen.now for one in newest.values())
    return 100 * fresh / len(newest), len(newest)


def _feedback(seen: Seen) -> Measured:
    first: dict[str, Record] = {}
    for one in seen.of(Kind.FEEDBACK):
        first.setdefault(one.subject, one)
    return _over(statistics.median, _seconds(first.values()))


def _audited(seen: Seen) -> Measured:
    calls = seen.calls
    return (100 * calls.audited / calls.calls, calls.calls) if calls.calls else (None, 0)


def _fidelity(seen: Seen) -> Measured:
    values = [one.value for one in seen.of(Kind.RECONCILIATION) if one.value is not None]
    return (100 * values[-1], len(values)) if values else (None, 0)


def _bursts(seen: Seen) -> Measured:
    values = [one.value for one in seen.of(Kind.BURST) if one.value is not None]
    curbed = sum(one < FIRST_REQUESTS for one in values)
    return (100 * curbed / len(values), len(values)) if values else (None, 0)


def _kpi(key: str, name: str, definition: str, aim: Aim, target: float, measure: Measure, unit: Unit = Unit.SECONDS) -> _Kpi:
    return _Kpi(key=key, name=name, definition=definition, unit=unit, aim=aim, target=target, measure=measure)


_KPIS = (
    _kpi(
        "time-to-first-server",
        "Time to first server",
        "From the start of provisioning (the host's set-up, or the first server's row) until a server was Running for the "
        "first time.",
        Aim.UNDER,
        45 * MINUTE,
        _first_server,
    ),
    _kpi(
        "deployment-success-rate",
        "Deployment success rate",
        "Successful deployments of servers, of all.",
        Aim.OVER,
        95,
        _rate(Kind.DEPLOYMENT),
        Unit.PERCENT,
    ),
    _kpi(
        "mean-status-latency",
        "Mean status latency",
        "Mean time from when a server was created until its first status could be seen.",
        Aim.UNDER,
        15,
        _mean(Kind.FIRST_STATUS),
    ),
    _kpi(
        "rollback-success-rate",
        "Rollback success rate",
        "Successful rollbacks, of those attempted.",
        Aim.ALL,
        100,
        _rate(Kind.ROLLBACK),
        Unit.PERCENT,
    ),
    _kpi(
        "rollback-time",
        "Rollback time",
        "Time from the command until the earlier version served (P95).",
        Aim.UNDER,
        10 * MINUTE,
        _p95(Kind.ROLLBACK),
    ),
    _kpi(
        "adaptive-doc-generation-latency",
        "Adaptive doc generation latency",
        "Time from the request to a runbook with its parameters filled in (P95).",
        Aim.UNDER,
        10,
        _p95(Kind.RUNBOOK),
    ),
    _kpi(
        "readiness-checklist-completion-time",
        "Readiness checklist completion time",
        "Time from a server's scaffold until all mandatory items of its checklist were done (P95).",
        Aim.UNDER,
        2 * DAY,
        _p95(Kind.CHECKLIST),
    ),
    _kpi(
        "documentation-freshness",
        "Documentation freshness",
        "Core templates that were updated within the last 30 days, of all.",
        Aim.OVER,
        90,
        _freshness,
        Unit.PERCENT,
    ),
    _kpi(
        "feedback-resolution-time",
        "Feedback resolution time",
        "Median time from when feedback was sent to the first change of its status.",
        Aim.UNDER,
        7 * DAY,
        _feedback,
    ),
    _kpi(
        "jit-provisioning-duration",
        "JIT provisioning duration",
        "Time from the first request to a server until it was Running (P95).",
        Aim.UNDER,
        60,
        _p95(Kind.JIT),
    ),
    _kpi(
        "provisioning-success-rate",
        "Provisioning success rate",
        "Successful starts by a first request, of those attempted; what may not run is not attempted.",
        Aim.OVER,
        95,
        _rate(Kind.JIT),
        Unit.PERCENT,
    ),
    _kpi(
        "crash-auto-recovery-latency",
        "Crash auto-recovery latency",
        "Time from the first request after a crash was noticed until the server was Running again (P95).",
        Aim.UNDER,
        5,
        _p95(Kind.RECOVERY),
    ),
    _kpi(
        "invocation-audit-coverage",
        "Invocation audit coverage",
        "Calls of which the audit log has the caller and the server, of all calls that cost events counted.",
        Aim.ALL,
        100,
        _audited,
        Unit.PERCENT,
    ),
    _kpi(
        "cost-event-fidelity",
        "Cost event fidelity",
        "Variance between cost events and the bill, at the newest reconciliation.",
        Aim.UNDER,
        5,
        _fidelity,
        Unit.PERCENT,
    ),
    _kpi(
        "rate-limit-effectiveness",
        "Rate limit effectiveness",
        f"Bursts over a quota that were refused within their first {FIRST_REQUESTS} requests, of all.",
        Aim.OVER,
        90,
        _bursts,
        Unit.PERCENT,
    ),
    _kpi(
        "automated-onboarding-completion",
        "Automated onboarding completion",
        "Invited people who completed the guided way without help, of all whose invitation is over.",
        Aim.OVER,
        70,
        _rate(Kind.ONBOARDING),
        Unit.PERCENT,
    ),
    _kpi(
        "tier-change-restore-time",
        "Tier change restore time",
        "Time from a change of the tier until the configuration of the network was restored (P95).",
        Aim.UNDER,
        10 * MINUTE,
        _p95(Kind.RESTORE),
    ),
    _kpi(
        "quota-advisory-responsiveness",
        "Quota advisory responsiveness",
        "Time from when use of a quota stayed over 80 % until the advisory was raised (P95).",
        Aim.UNDER,
        5 * MINUTE,
        _p95(Kind.ADVISORY),
    ),
)
