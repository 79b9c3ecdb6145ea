"""The figures: each with the name, the definition and the target of the requirements; without a record never a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from services.host.figures.figures import Calls, Figure, Seen, figures, percentile
from services.host.figures.records import Ending, Kind, Record
from services.host.figures.workflows import GAP_MS, counted

pytestmark = pytest.mark.requirement("HOST-KPI/figures-of-hosting")

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NAMES = {
    "Time to first server", "Deployment success rate", "Mean status latency", "Rollback success rate",
    "Adaptive doc generation latency", "Readiness checklist completion time", "Documentation freshness",
    "Feedback resolution time", "JIT provisioning duration", "Provisioning success rate", "Crash auto-recovery latency",
    "Invocation audit coverage", "Cost event fidelity", "Rate limit effectiveness", "Automated onboarding completion",
    "Tier change restore time", "Quota advisory responsiveness",
}  # fmt: skip
"""As the source of the requirements has them (section 18, Metrics / KPIs)."""


def one(
    kind: Kind,
    seconds: float = 1.0,
    ending: Ending = Ending.DONE,
    *,
    ago: float = 60.0,
    subject: str = "time",
    value: float | None = None,
) -> Record:
    ended = NOW - timedelta(seconds=ago)
    return Record(
        kind=kind, subject=subject, began=ended - timedelta(seconds=seconds), ended=ended, outcome=ending, value=value
    )


def seen(records: Sequence[Record] = (), calls: tuple[int, int] = (0, 0), first_row: datetime | None = None) -> Seen:
    by_kind: dict[Kind, list[Record]] = {}
    for each in sorted(records, key=lambda found: found.ended):
        by_kind.setdefault(each.kind, []).append(each)
    return Seen(records=by_kind, calls=Calls(calls=calls[0], audited=calls[1]), first_row=first_row, now=NOW)


def figure(key: str, records: Sequence[Record] = (), **more: object) -> Figure:
    return next(found for found in figures(seen(records, **more)) if found.key == key)  # type: ignore[arg-type]  # as `seen`


def test_every_figure_of_the_requirements_is_there() -> None:
    assert {found.name for found in figures(seen())} == NAMES | {"Rollback time"}


def test_without_a_record_no_figure_has_a_value() -> None:
    for found in figures(seen()):
        assert found.value is None, found.name
        assert found.met is None, "neither good nor bad"
        assert found.count == 0


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.ABANDONED])
def test_times_are_only_of_what_was_done(ending: Ending) -> None:
    kinds = (Kind.ROLLBACK, Kind.RUNBOOK, Kind.CHECKLIST, Kind.JIT, Kind.RECOVERY, Kind.RESTORE, Kind.ADVISORY)
    by_key = {found.key: found for found in figures(seen([one(kind, 1.0, ending) for kind in kinds]))}
    for key in ("rollback-time", "jit-provisioning-duration", "crash-auto-recovery-latency", "tier-change-restore-time"):
        assert by_key[key].value is None, key


@pytest.mark.parametrize(
    ("key", "kind", "good", "bad"),
    [
        ("mean-status-latency", Kind.FIRST_STATUS, 14.9, 15.0),
        ("rollback-time", Kind.ROLLBACK, 599.0, 600.0),
        ("adaptive-doc-generation-latency", Kind.RUNBOOK, 9.9, 10.0),
        ("readiness-checklist-completion-time", Kind.CHECKLIST, 172_799.0, 172_800.0),
        ("feedback-resolution-time", Kind.FEEDBACK, 604_799.0, 604_800.0),
        ("jit-provisioning-duration", Kind.JIT, 59.9, 60.0),
        ("crash-auto-recovery-latency", Kind.RECOVERY, 4.9, 5.0),
        ("tier-change-restore-time", Kind.RESTORE, 599.0, 600.0),
        ("quota-advisory-responsiveness", Kind.ADVISORY, 299.0, 300.0),
    ],
)
def test_each_time_has_its_bound(key: str, kind: Kind, good: float, bad: float) -> None:
    assert figure(key, [one(kind, good)]).met is True
    assert figure(key, [one(kind, bad)]).met is False


@pytest.mark.parametrize(
    ("key", "kind", "failed", "met"),
    [
        ("deployment-success-rate", Kind.DEPLOYMENT, 5, False),
        ("deployment-success-rate", Kind.DEPLOYMENT, 4, True),
        ("provisioning-success-rate", Kind.JIT, 5, False),
        ("provisioning-success-rate", Kind.JIT, 4, True),
        ("rollback-success-rate", Kind.ROLLBACK, 1, False),
        ("rollback-success-rate", Kind.ROLLBACK, 0, True),
        ("automated-onboarding-completion", Kind.ONBOARDING, 30, False),
        ("automated-onboarding-completion", Kind.ONBOARDING, 29, True),
    ],
)
def test_each_rate_has_its_bound(key: str, kind: Kind, failed: int, met: bool) -> None:
    records = [one(kind, ending=Ending.FAILED if number < failed else Ending.DONE) for number in range(100)]
    found = figure(key, records)
    assert (found.value, found.met, found.count) == (100 - failed, met, 100)


def test_help_is_not_unaided() -> None:
    found = figure("automated-onboarding-completion", [one(Kind.ONBOARDING), one(Kind.ONBOARDING, ending=Ending.AIDED)])
    assert (found.value, found.met) == (50.0, False)


def test_the_first_server_is_measured_from_the_beginning() -> None:
    row = NOW - timedelta(minutes=30)
    found = figure("time-to-first-server", [one(Kind.JIT, 5, ago=60), one(Kind.JIT, 5, ago=30)], first_row=row)
    assert (found.value, found.met) == (29 * 60, True)
    site = one(Kind.SITE, 10, ago=50 * 60)
    assert figure("time-to-first-server", [site, one(Kind.JIT, 5, ago=60)], first_row=row).met is False
    assert figure("time-to-first-server", [one(Kind.JIT, ending=Ending.FAILED)], first_row=row).value is None


def test_a_template_is_as_fresh_as_its_newest_record() -> None:
    old, new = 40 * 86_400.0, 3600.0
    fresh = [one(Kind.DOCUMENT, 0, ago=old, subject="echo"), one(Kind.DOCUMENT, 0, ago=new, subject="echo")]
    assert figure("documentation-freshness", fresh).value == 100
    found = figure("documentation-freshness", [*fresh, one(Kind.DOCUMENT, 0, ago=old, subject="database")])
    assert (found.value, found.met) == (50, False)
    assert figure("documentation-freshness", [one(Kind.DOCUMENT, 0, ago=-86_400)]).value == 0, "of the future is not fresh"


def test_feedback_counts_once() -> None:
    records = [
        one(Kind.FEEDBACK, 10, subject="1"),
        one(Kind.FEEDBACK, 900_000, ago=10, subject="1"),
        one(Kind.FEEDBACK, 30, subject="2"),
    ]
    found = figure("feedback-resolution-time", records)
    assert (found.value, found.count) == (20.0, 2)


def test_coverage_is_whole_or_not() -> None:
    assert figure("invocation-audit-coverage", calls=(1_000_000, 1_000_000)).met is True
    found = figure("invocation-audit-coverage", calls=(1_000_000, 999_999))
    assert found.met is False
    assert found.value is not None
    assert found.value < 100


def test_the_newest_reconciliation_counts() -> None:
    records = [one(Kind.RECONCILIATION, ago=100, value=0.2), one(Kind.RECONCILIATION, ago=10, value=0.049)]
    found = figure("cost-event-fidelity", records)
    assert (found.value, found.met) == (pytest.approx(4.9), True)
    assert figure("cost-event-fidelity", [one(Kind.RECONCILIATION, value=0.05)]).met is False


def test_a_burst_is_curbed_within_its_first_three_requests() -> None:
    curbed = [one(Kind.BURST, value=float(number % 3)) for number in range(10)]
    assert figure("rate-limit-effectiveness", curbed).met is True
    assert figure("rate-limit-effectiveness", [*curbed[:9], one(Kind.BURST, value=3.0)]).met is False


def test_a_clock_that_was_set_back_counts_as_no_time() -> None:
    found = figure("jit-provisioning-duration", [one(Kind.JIT, -5.0)])
    assert found.value is None
    assert figure("provisioning-success-rate", [one(Kind.JIT, -5.0)]).value == 100


def test_a_percentile_is_the_nearest_rank() -> None:
    assert percentile([float(number) for number in range(1, 101)], 0.95) == 95
    assert percentile([7.0], 0.95) == 7
    assert percentile([1.0, 2.0], 0.95) == 2


A, B = ("i", "t", "a"), ("i", "t", "b")


def test_composite_workflows_are_counted() -> None:
    found = counted(
        [
            (0, A, "time", ""),
            (GAP_MS - 1, A, "docs", ""),  # within a minute: the same
            (GAP_MS, B, "time", ""),  # another caller
            (3 * GAP_MS, A, "time", ""),  # later: another one
            (3 * GAP_MS, A, "time", "x"),
            (9 * GAP_MS, A, "docs", "x"),  # the same trace, however late
            (9 * GAP_MS, B, "web", "x"),
        ]
    )
    assert (found.all, found.composite, found.widest) == (4, 2, 3)
    assert counted([]).all == 0
