"""The direct runner: every collector of the plan gets an answer, whatever it does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.collector import Collector
from arcops.errors import Refused, Stopped, Unavailable
from arcops.evidence import Body, Cause, Evidence, Missing, Seen, Sighting
from arcops.request import Request
from arcops.verdict import Verdict
from flows.conclude import conclude
from flows.plan import Plan, make_plan
from flows.runners import isolated as isolation
from flows.runners.direct import collect
from flows.runners.looking import Found
from tests.sketch import NUMBER, Number, Twice, collects, doubles, policy, request

pytestmark = pytest.mark.requirement("ARC-0/evidence-says-what-was-seen", "ARC-4/no-failed-collector-is-green")


def plan(tmp_path: Path, *collectors: Collector[Body]) -> Plan:
    return make_plan(request(tmp_path), policy(), gates=[NUMBER], collectors=collectors)


def run(made: Plan) -> Mapping[str, Found]:
    return collect(made, stop=threading.Event())


def cause(found: Found) -> Cause:
    assert isinstance(found, Missing)
    return found.cause


def two(asked: Request, seen: Seen) -> Sighting[Number]:
    return Sighting(body=Number(value=2))


def twice(asked: Request, seen: Seen) -> Sighting[Twice]:
    return Sighting(body=Twice(value=2 * seen[Number].body.value))


def hangs(asked: Request, seen: Seen) -> Sighting[Number]:
    time.sleep(3600)
    return Sighting(body=Number(value=2))


HANGING = collects(hangs, deadline=timedelta(seconds=2), isolated=True)
ISOLATED = collects(two, isolated=True)


def dies(asked: Request, seen: Seen) -> Sighting[Number]:
    import os

    os._exit(0)


DYING = collects(dies, isolated=True)


def hoards(asked: Request, seen: Seen) -> Sighting[Number]:
    return Sighting(body=Number(value=len(bytearray(64 * 2**30))))


HOARDING = collects(hoards, isolated=True)

# A child process finds a collector by its name, so the names must lead to the declared values.
HANGING = replace(HANGING, code=f"{__name__}.HANGING")
ISOLATED = replace(ISOLATED, code=f"{__name__}.ISOLATED")
DYING = replace(DYING, code=f"{__name__}.DYING")
HOARDING = replace(HOARDING, code=f"{__name__}.HOARDING")


def test_what_was_seen_becomes_evidence_and_a_green_report(tmp_path: Path) -> None:
    made = plan(tmp_path, collects(two), doubles(twice))
    collected = run(made)
    found = collected["twice"]
    assert isinstance(found, Evidence)
    assert found.body == Twice(value=4)
    report = conclude(made, collected, runner="direct")
    assert report.verdict is Verdict.GREEN
    assert [record.kind for record in report.evidence] == ["number", "twice"]


def test_a_need_without_a_collector_is_red(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert conclude(made, run(made), runner="direct").verdict is Verdict.RED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unavailable("later"), Cause.UNAVAILABLE),
        (Refused("never"), Cause.REFUSED),
        (Stopped("enough"), Cause.CANCELLED),
        (ZeroDivisionError("oops"), Cause.BROKEN),
        (MemoryError("much"), Cause.BROKEN),
    ],
)
def test_an_error_is_a_reason_and_never_a_colour(tmp_path: Path, error: Exception, expected: Cause) -> None:
    def fails(asked: Request, seen: Seen) -> Sighting[Number]:
        raise error

    made = plan(tmp_path, collects(fails), doubles(twice))
    collected = run(made)
    assert cause(collected["number"]) is expected
    assert cause(collected["twice"]) is Cause.ABSENT, "what rests on it is missing too"
    assert conclude(made, collected, runner="direct").verdict is Verdict.RED


def test_a_collector_that_returns_nothing_is_missing(tmp_path: Path) -> None:
    made = plan(tmp_path, collects(lambda asked, seen: None))  # type: ignore[arg-type,return-value]  # the mistake under test
    assert cause(run(made)["number"]) is Cause.REFUSED


def test_a_late_answer_does_not_count(tmp_path: Path) -> None:
    released = threading.Event()

    def late(asked: Request, seen: Seen) -> Sighting[Number]:
        released.wait(600)
        return Sighting(body=Number(value=2))

    collected = run(plan(tmp_path, collects(late, deadline=timedelta(seconds=0.2))))
    released.set()
    assert cause(collected["number"]) is Cause.DEADLINE


def test_past_its_deadline_a_collector_is_told_to_stop(tmp_path: Path) -> None:
    told = threading.Event()

    def busy(asked: Request, seen: Seen) -> Sighting[Number]:
        try:
            while True:
                asked.progress(1, 2)
        except Stopped:
            told.set()
            raise

    assert cause(run(plan(tmp_path, collects(busy, deadline=timedelta(seconds=0.2))))["number"]) is Cause.DEADLINE
    assert told.wait(600)


def test_a_cancelled_run_still_ends_in_a_red_report(tmp_path: Path) -> None:
    stop = threading.Event()

    def cancelled_meanwhile(asked: Request, seen: Seen) -> Sighting[Number]:
        stop.set()
        while True:
            asked.progress(0, 1)

    made = plan(tmp_path, collects(cancelled_meanwhile), doubles(twice))
    collected = collect(made, stop=stop)
    assert {cause(found) for found in collected.values()} == {Cause.CANCELLED}
    assert conclude(made, collected, runner="direct").verdict is Verdict.RED


def test_collectors_that_need_nothing_of_each_other_run_together(tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=600)

    def first(asked: Request, seen: Seen) -> Sighting[Number]:
        together.wait()
        return Sighting(body=Number(value=2))

    def second(asked: Request, seen: Seen) -> Sighting[Twice]:
        together.wait()
        return Sighting(body=Twice(value=4))

    alone = replace(doubles(second), needs=())
    assert all(isinstance(found, Evidence) for found in run(plan(tmp_path, collects(first), alone)).values())


def test_an_isolated_collector_answers_as_any_other(tmp_path: Path) -> None:
    isolated = run(plan(tmp_path, ISOLATED))["number"]
    inside = run(plan(tmp_path, replace(ISOLATED, isolated=False)))["number"]
    assert isolated == inside


def test_an_isolated_collector_that_hangs_is_killed_at_its_deadline(tmp_path: Path) -> None:
    assert cause(run(plan(tmp_path, HANGING))["number"]) is Cause.DEADLINE


@pytest.mark.filterwarnings("ignore:subprocess [0-9]+ is still running:ResourceWarning")
def test_an_isolated_collector_that_no_signal_ends_is_missing_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a call that sleeps in a driver; here the signal is not sent, because a test cannot make such a sleep."""
    asked: list[int] = []
    kill = os.killpg
    here = threading.get_ident()

    def withheld(group: int, number: int) -> None:
        if threading.get_ident() == here:
            asked.append(group)
        else:  # a thread of an earlier test, which outlived its deadline, still ends its own child
            kill(group, number)

    monkeypatch.setattr(os, "killpg", withheld)
    monkeypatch.setattr(isolation, "_SECONDS_TO_DIE", 0.1)
    found = isolation.look_isolated(HANGING, plan(tmp_path, HANGING).request, {})
    try:
        assert cause(found) is Cause.DEADLINE
        assert isinstance(found, Missing)
        assert f"process {asked[0]} hangs in the kernel" in found.reason
    finally:
        kill(asked[0], signal.SIGKILL)


def test_an_isolated_collector_that_dies_without_an_answer_is_missing(tmp_path: Path) -> None:
    assert cause(run(plan(tmp_path, DYING))["number"]) is Cause.BROKEN


def test_an_isolated_collector_gets_only_so_much_memory(tmp_path: Path) -> None:
    found = run(plan(tmp_path, HOARDING))["number"]
    assert cause(found) is Cause.BROKEN
    assert isinstance(found, Missing)
    assert "MemoryError" in found.reason


def test_where_no_process_can_be_started_the_evidence_is_missing_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    found = run(plan(tmp_path, replace(ISOLATED, deadline=timedelta(hours=1))))["number"]
    assert cause(found) is Cause.UNAVAILABLE


def test_what_a_runner_loses_is_missing_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> Found:
        raise RecursionError("too deep")

    monkeypatch.setattr("flows.runners.direct.look", lost)
    assert cause(run(plan(tmp_path, collects(two, deadline=timedelta(hours=1))))["number"]) is Cause.BROKEN


def test_where_no_thread_can_be_started_the_evidence_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    made = plan(tmp_path, collects(two), doubles(twice))
    monkeypatch.setattr(threading.Thread, "start", none_left)
    collected = run(made)
    assert {cause(found) for found in collected.values()} == {Cause.UNAVAILABLE}


@pytest.mark.parametrize("idle", [True, False])
def test_what_opens_nothing_needs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: bool) -> None:
    def none(*arguments: object, **more: object) -> list[str]:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(isolation, "python", none)
    found = run(plan(tmp_path, replace(ISOLATED, idle=lambda asked, seen: idle)))["number"]
    if idle:
        assert isinstance(found, Evidence)
    else:
        assert isinstance(found, Missing)
        assert "no process could be started" in found.reason


def test_whether_it_is_idle_may_fail_and_is_a_reason_then(tmp_path: Path) -> None:
    def fails(asked: Request, seen: Seen) -> bool:
        raise ZeroDivisionError("oops")

    assert cause(run(plan(tmp_path, replace(ISOLATED, idle=fails)))["number"]) is Cause.BROKEN
