"""Sessions: how drills take turns, when enough was measured, and what becomes of a device that is lost."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from arcops.errors import Stopped
from arcops.exercise import Exercise
from arcops.seen.baseline import Baseline
from arcops.seen.benchmark import Benchmark
from gates.gpu.benchmark.examples import known
from tasks.gpu.bench.drills import Device
from tasks.gpu.bench.sessions import SAMPLES, Sessions
from tests.devices import Planned, Took

pytestmark = pytest.mark.requirement("ARC-C2/noise-does-not-decide")

QUICK = Exercise(sustained=0)


def run(*devices: Device, exercise: Exercise = QUICK, baseline: Baseline | None = None, **more: object) -> Benchmark:
    return Sessions(devices, exercise, baseline, lambda: None, **more).run()  # type: ignore[arg-type]  # the clock alone


def always(took: int) -> Took:
    return lambda number: took


def noisy(middle: int, spread: int) -> Took:
    """Around *middle*, other in each session, and the same every time."""
    return lambda number: middle + random.Random(number).randrange(-spread, spread)  # noqa: S311  # no secret


def baseline(*devices: Device) -> Baseline:
    found = known(run(*devices)).baseline
    assert found is not None
    return found


def test_drills_take_turns_with_the_canary_around_each() -> None:
    first, second = Planned({"a": always(5), "b": always(7)}), Planned({"a": always(6)}, name="GPU-2")
    found = run(first, second)
    assert first.visits == ["a", "b"] * QUICK.least
    assert first.canaries == 2 * len(first.visits)
    assert [(figure.name, figure.device, len(figure.sessions)) for figure in found.figures] == [
        ("a", "GPU-1", 5), ("b", "GPU-1", 5), ("a", "GPU-2", 5),
    ]  # fmt: skip
    assert {len(session.samples) for figure in found.figures for session in figure.sessions} == {SAMPLES}
    assert found.figures[1].rate == 10**6 * 10**9 // 7
    assert found.decided


def test_more_sessions_are_made_of_what_is_undecided_and_of_nothing_else() -> None:
    then = baseline(Planned({"steady": always(1_000_000), "noisy": always(1_000_000)}))
    device = Planned({"steady": always(1_010_000), "noisy": lambda number: (1_000_000, 1_100_000)[number < 5 and number % 2]})
    found = run(device, baseline=then)
    sessions = {figure.name: len(figure.sessions) for figure in found.figures}
    assert sessions["steady"] == QUICK.least
    assert QUICK.least < sessions["noisy"] <= QUICK.most
    assert found.decided


def test_what_cannot_be_decided_ends_at_the_most_sessions_and_says_so() -> None:
    then = baseline(Planned({"a": always(1_000_000)}))
    found = run(
        Planned({"a": always(1_050_000), "b": noisy(1_000_000, 5)}), baseline=then, exercise=replace(QUICK, tolerance=5)
    )
    assert found.decided  # 5 percent slower is exactly inside
    edgy = run(Planned({"a": lambda number: 1_040_000 + number % 2 * 30_000}), baseline=then)
    assert not edgy.decided
    assert len(edgy.figures[0].sessions) == QUICK.most


def test_a_device_that_is_lost_keeps_what_it_did_and_says_why_there_is_no_more() -> None:
    lost = Planned({"a": always(5), "b": always(5)}, lost_at=5)
    well = Planned({"a": always(5)}, name="GPU-2")
    found = run(lost, well, exercise=replace(QUICK, sustained=1_000_000))
    by = {(figure.device, figure.name): figure for figure in found.figures}
    assert [len(by["GPU-1", name].sessions) for name in "ab"] == [3, 2]
    assert all("fell off the bus" in by["GPU-1", name].said for name in "ab")
    assert len(by["GPU-2", "a"].sessions) == QUICK.least
    assert not by["GPU-2", "a"].said
    kept = {one.device: one for one in found.sustained}
    assert "fell off the bus" in kept["GPU-1"].said
    assert len(kept["GPU-2"].moments) == 20


def test_what_a_device_cannot_do_is_neither_timed_nor_checked() -> None:
    device = Planned({"fp8": always(5), "copy": always(5)}, absent={"fp8": "Ampere has no fp8"})
    found = {figure.name: figure for figure in run(device).figures}
    assert (found["fp8"].said, found["fp8"].checked, found["fp8"].sessions) == ("Ampere has no fp8", None, ())
    assert "fp8" not in device.visits


def test_results_are_looked_at_before_and_after() -> None:
    (figure,) = run(Planned({"a": always(5)}, wrong=2)).figures
    assert figure.checked is not None
    assert (figure.checked.compared, figure.checked.wrong) == (200, 4)


def test_a_spent_budget_says_so() -> None:
    times = iter(range(10_000))
    found = run(
        Planned({"a": always(5), "b": always(5)}),
        exercise=replace(QUICK, budget=6_000_000),
        clock=lambda: float(next(times)),
    )
    assert not found.decided
    assert all("the time ended" in figure.said for figure in found.figures)


def test_who_is_told_to_stop_stops() -> None:
    asked: list[int] = []

    def alive() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise Stopped("told to end")

    device = Planned({"a": always(5)})
    with pytest.raises(Stopped):
        Sessions([device], QUICK, None, alive).run()
    assert len(device.visits) == 2 or len(device.visits) == 3


def test_a_baseline_of_other_work_decides_nothing() -> None:
    then = baseline(Planned({"a": always(1000)}))
    other = replace(then, figures=tuple(replace(one, work=one.work + 1) for one in then.figures))
    assert len(run(Planned({"a": noisy(1000, 300)}), baseline=other).figures[0].sessions) == QUICK.least


class TestProcesses:
    """Each call is one process: it makes one session of each drill, and the next one goes on from what it left."""

    FRESH = Exercise(sustained=1000, fresh=True)

    def to_the_end(self, exercise: Exercise, *devices: Planned, baseline: Baseline | None = None) -> list[Benchmark]:
        made: list[Benchmark] = []
        while not made or made[-1].unfinished:
            before = made[-1] if made else None
            made.append(run(*devices, exercise=exercise, baseline=baseline, before=before))
            assert len(made) <= exercise.most
        return made

    def test_each_makes_one_session_of_each_drill(self) -> None:
        device = Planned({"a": always(5), "b": noisy(1000, 9)})
        made = self.to_the_end(self.FRESH, device)
        assert [[len(figure.sessions) for figure in one.figures] for one in made] == [[n, n] for n in range(1, 6)]
        assert device.visits == ["a", "b"] * 5
        assert [len(one.processes) for one in made] == [1, 2, 3, 4, 5]
        assert made[-1].decided

    def test_only_the_last_has_the_sustained_load_and_the_last_check(self) -> None:
        """Mutation: a run that ended too early looks complete."""
        made = self.to_the_end(self.FRESH, Planned({"a": always(5)}))
        assert [bool(one.sustained) for one in made] == [False] * 4 + [True]
        assert [one.unfinished for one in made] == [True] * 4 + [False]
        assert [one.figures[0].checked.compared for one in made if one.figures[0].checked] == [100] * 4 + [200]

    def test_more_of_them_run_until_it_is_decided_or_the_most_is_reached(self) -> None:
        then = baseline(Planned({"a": always(1_000_000)}))
        edgy = Planned({"a": lambda number: 1_040_000 + number % 2 * 30_000})
        made = self.to_the_end(self.FRESH, edgy, baseline=then)
        assert len(made) == self.FRESH.most
        assert not made[-1].decided
        quick = self.to_the_end(self.FRESH, Planned({"a": always(1_200_000)}), baseline=then)
        assert len(quick) == self.FRESH.least
        assert quick[-1].decided

    def test_the_time_of_all_of_them_counts(self) -> None:
        spent = replace(run(Planned({"a": always(5)}), exercise=self.FRESH), processes=(self.FRESH.budget,))
        found = run(Planned({"a": always(5)}), exercise=self.FRESH, before=spent)
        assert not found.unfinished
        assert "the time ended after 1 of at least 5" in found.figures[0].said

    def test_the_budget_pays_for_opening_the_devices_in_each_process(self) -> None:
        found = run(Planned({"a": always(5)}), exercise=self.FRESH, clock=lambda: 1000.0, begun=970.0)
        assert found.processes == (30_000_000,)

    def test_a_device_that_was_lost_stays_lost(self) -> None:
        device = Planned({"a": always(5)}, lost_at=2)
        steady = Planned({"a": always(5)}, name="GPU-2")
        made = self.to_the_end(self.FRESH, device, steady)
        gone, well = made[-1].figures
        assert len(gone.sessions) == 2
        assert "it fell off the bus" in gone.said
        assert (len(well.sessions), well.said) == (5, "")
