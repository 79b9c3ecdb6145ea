"""Two sites measured the same: is one slower, or might another look say otherwise? The interval decides, not the medians."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from arcops.endpoint import Route
from arcops.errors import Refused
from arcops.evidence import Body
from arcops.exercise import Exercise
from arcops.seen.benchmark import Benchmark, Checked, Machine, Measured, Session, Unit
from arcops.seen.inference import Inference, RunKind, Shot
from arcops.zones import PPM, Interval
from artifacts.objects import object_path
from artifacts.wire import canonical, digest, from_json, to_json
from capabilities.artifact.compare import Compare, Compared, MeasuresCompared, compare_artifacts
from capabilities.artifact.measured_words import amount, in_words
from capabilities.artifact.significance import FigureCompared, TimedDifference, decided
from gates.inference.inference.examples import changed, failed, good
from tests.adapters.typed import Done, typed
from tests.kept import finding, fresh, keep, report, result
from tests.models import Bench, bench

pytestmark = [pytest.mark.requirement("ARC-C5/sites-can-be-compared"), pytest.mark.requirement("ARC-C5/sites-can-be-compared")]

SLOWER, FASTER, NONE, UNDECIDED = (
    TimedDifference.SLOWER,
    TimedDifference.FASTER,
    TimedDifference.NONE,
    TimedDifference.UNDECIDED,
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    return fresh(keys, tmp_path)


def kept(here: Bench, body: Body, site: str = "") -> str:
    bodies = {body.KIND: json.loads(canonical(to_json(body)))}
    said = report("endpoint", result("inference", finding("inference/slo")), evidence=bodies, site=site)
    assert said.evidence[0].digest == digest(body)
    return keep(here, said, evidence=bodies)


def compared(here: Bench, a: Body, b: Body, tolerance: int = 5) -> MeasuresCompared:
    ask = Compare(a=kept(here, a, "one"), b=kept(here, b, "two"), tolerance=tolerance)
    found = compare_artifacts(ask, here.place())
    assert from_json(Compared, json.dumps(to_json(found))) == found
    (measured,) = found.measured
    return measured


def differences(found: MeasuresCompared) -> dict[str, TimedDifference]:
    return {one.name: one.difference for one in found.figures}


def noisy(body: Inference, factor: float, *, seed: int, spread: float = 0.02) -> Inference:
    """*body* as a site so much slower would have answered, each request with a chance of its own."""
    draw = random.Random(seed)  # noqa: S311  # no secret: the same seed must draw the same again

    def stretched(shot: Shot) -> Shot:
        by = factor * draw.uniform(1 - spread, 1 + spread)
        first, gaps = int((shot.first or 0) * by), tuple(int(gap * by) for gap in shot.gaps)
        return replace(shot, first=first, gaps=gaps, ended=first + sum(gaps))

    for kind in (RunKind.OPEN, RunKind.CLOSED, RunKind.TOGETHER):
        body = changed(body, kind, stretched)
    return body


TIMES = ("TTFT", "ITL", "TPOT", "time per token")
CLOSED = "a closed, concurrency 4: "


class TestInference:
    @pytest.mark.parametrize(
        ("factor", "difference"), [(1.0, NONE), (1.3, SLOWER), (0.7, FASTER)], ids=["the same", "slower", "faster"]
    )
    def test_every_time_is_decided(self, here: Bench, factor: float, difference: TimedDifference) -> None:
        found = compared(here, noisy(good("a"), 1.0, seed=1), noisy(good("a"), factor, seed=2))
        assert {found.kind, found.note} == {"inference", ""}
        for run in ("a closed, concurrency 1: ", CLOSED, "a open, 2 requests/s: "):
            assert {differences(found)[run + name] for name in TIMES} == {difference}
        first = next(one for one in found.figures if one.name == CLOSED + "TTFT")
        assert first.ratio is not None
        assert first.low is not None
        assert first.high is not None
        assert first.low <= first.ratio <= first.high
        assert abs(first.ratio / PPM - factor) < 0.05
        assert (first.unit, abs((first.a or 0) - 100_000) < 3000) == ("us", True)

    def test_what_swings_more_than_it_differs_is_undecided(self, here: Bench) -> None:
        found = compared(here, noisy(good("a"), 1.0, seed=1, spread=0.5), noisy(good("a"), 1.05, seed=2, spread=0.5))
        assert {differences(found)[CLOSED + name] for name in TIMES} == {UNDECIDED}

    def test_a_tolerance_decides_what_counts(self, here: Bench) -> None:
        two = noisy(good("a"), 1.0, seed=1, spread=0.001), noisy(good("a"), 1.08, seed=2, spread=0.001)
        assert differences(compared(here, *two))[CLOSED + "TTFT"] is SLOWER
        assert differences(compared(here, *two, tolerance=20))[CLOSED + "TTFT"] is NONE
        with pytest.raises(Refused, match="0 to 100"):
            compare_artifacts(Compare(a=kept(here, two[0]), b=kept(here, two[1]), tolerance=-1), here.place())

    def test_requests_that_failed_keep_it_undecided(self, here: Bench) -> None:
        """The slowest fail first: what is left of site B looks faster than it is."""
        lossy = changed(noisy(good("a"), 0.5, seed=2), RunKind.CLOSED, failed, only=0)
        found = {one.name: one for one in compared(here, good("a"), lossy).figures}
        assert found[CLOSED + "TTFT"].difference is UNDECIDED
        assert "B: 1 of 8 requests got no complete answer" in found[CLOSED + "TTFT"].said
        assert found["a open, 2 requests/s: TTFT"].difference is FASTER

    def test_throughput_is_shown_and_never_decided(self, here: Bench) -> None:
        found = {one.name: one for one in compared(here, good("a"), noisy(good("a"), 2.0, seed=2)).figures}
        one = found[CLOSED + "throughput"]
        assert (one.difference, one.low, one.unit) == (UNDECIDED, None, "tokens/1000s")
        assert one.a is not None
        assert one.b is not None
        assert one.a > one.b
        assert one.ratio == one.a * PPM // one.b
        assert "gives no interval" in one.said

    def test_too_few_requests_are_undecided(self, here: Bench) -> None:
        few = replace(good("a"), runs=tuple(replace(run, shots=run.shots[:4]) for run in good("a").runs))
        found = {one.name: one for one in compared(here, good("a"), few).figures}
        assert found[CLOSED + "TTFT"].difference is UNDECIDED
        assert "too few" in found[CLOSED + "TTFT"].said

    def test_what_only_one_side_ran_is_said(self, here: Bench) -> None:
        found = {one.name: one for one in compared(here, good("a"), good("b")).figures}
        assert found[CLOSED + "TTFT"].said == "B has no such figure."
        assert {one.difference for one in found.values()} == {UNDECIDED}

    @pytest.mark.parametrize("field", ["tokens", "route"])
    def test_other_work_is_not_compared(self, here: Bench, field: str) -> None:
        load = good("a").load
        other = replace(
            good("a"), load=replace(load, tokens=64) if field == "tokens" else replace(load, route=Route.COMPLETIONS)
        )
        found = compared(here, good("a"), other)
        assert found.figures == ()
        assert field in found.note

    def test_the_same_bytes_measure_nothing_twice(self, here: Bench) -> None:
        ask = Compare(a=kept(here, good("a"), "one"), b=kept(here, good("a"), "two"))
        assert compare_artifacts(ask, here.place()).measured == ()

    def test_a_sealed_file_alone_says_so(self, here: Bench) -> None:
        ask = Compare(a=kept(here, good("a")), b=kept(here, noisy(good("a"), 1.3, seed=1)))
        object_path(here.settings.store, digest(good("a"))).unlink()
        (measured,) = compare_artifacts(ask, here.place()).measured
        assert measured.figures == ()
        assert f"what A measured ({digest(good('a'))}) is not in this store" in measured.note


def benchmark(time: int, *, model: str = "H200", device: str = "GPU-1", work: int = 10**9, sessions: int = 7) -> Benchmark:
    draw = random.Random(f"{time}{device}")  # noqa: S311  # no secret, as above
    visits = tuple(
        Session(samples=tuple(int(time * draw.uniform(0.99, 1.01)) for _ in range(5)), canary=(1000,)) for _ in range(sessions)
    )
    figure = Measured(name="copy", device=device, unit=Unit.BYTES, work=work, sessions=visits, checked=None)
    machine = Machine(device=device, model=model, software="test")
    return Benchmark(exercise=Exercise(fresh=True), machines=(machine,), figures=(figure,), sustained=(), decided=True)


class TestBenchmark:
    @pytest.mark.parametrize(
        ("b", "difference"),
        [
            (benchmark(100_000, device="GPU-2"), NONE),
            (benchmark(120_000, device="GPU-2"), SLOWER),
            (benchmark(80_000, device="GPU-2"), FASTER),
            (benchmark(120_000, device="GPU-2", work=2), UNDECIDED),
            (benchmark(120_000, device="GPU-2", sessions=3), UNDECIDED),
        ],
        ids=["the same", "slower", "faster", "other work", "few sessions"],
    )
    def test_devices_of_one_model_are_compared(self, here: Bench, b: Benchmark, difference: TimedDifference) -> None:
        assert differences(compared(here, benchmark(100_000), b)) == {"copy on H200": difference}

    def test_sessions_that_shared_a_process_decide_nothing(self, here: Bench) -> None:
        shared = replace(benchmark(120_000, device="GPU-2"), exercise=Exercise())
        assert differences(compared(here, benchmark(100_000), shared)) == {"copy on H200": UNDECIDED}

    def test_devices_of_different_models_are_not(self, here: Bench) -> None:
        found = compared(here, benchmark(100_000), benchmark(100_000, model="T4"))
        assert differences(found) == {"copy on H200": UNDECIDED, "copy on T4": UNDECIDED}

    def test_what_could_not_be_measured_says_why(self, here: Bench) -> None:
        none = benchmark(100_000)
        none = replace(none, figures=(replace(none.figures[0], sessions=(), said="out of memory"),))
        (figure,) = compared(here, benchmark(100_000), none).figures
        assert (figure.difference, figure.said) == (UNDECIDED, "B: out of memory.")

    def test_sessions_that_were_disturbed_are_left_out_and_wrong_results_are_no_time(self, here: Bench) -> None:
        a, b = benchmark(100_000), benchmark(100_000, device="GPU-2", sessions=9)
        (figure,) = b.figures
        loud = tuple(Session(samples=(300_000,) * 5, canary=(9000,)) for _ in range(4))
        assert differences(compared(here, a, replace(b, figures=(replace(figure, sessions=figure.sessions + loud),)))) == {
            "copy on H200": NONE
        }
        drowned = replace(b, figures=(replace(figure, sessions=figure.sessions[:4] + loud),))
        (one,) = compared(here, a, drowned).figures
        assert (one.difference, one.said) == (UNDECIDED, "B: 4 of 8 sessions were disturbed.")
        wrong = replace(figure, checked=Checked(how="NumPy", compared=100, wrong=3))
        (one,) = compared(here, a, replace(b, figures=(wrong,))).figures
        assert (one.difference, "3 of 100 results were wrong" in one.said) == (UNDECIDED, True)

    def test_a_second_device_of_a_model_is_another_figure(self, here: Bench) -> None:
        one, two = benchmark(100_000), benchmark(200_000, device="GPU-2")
        both = replace(one, machines=one.machines + two.machines, figures=one.figures + two.figures)
        found = compared(here, both, replace(both, decided=False))
        assert differences(found) == {"copy on H200": NONE, "copy on H200 #2": NONE}


def intervals() -> Iterator[tuple[int, int, TimedDifference]]:
    yield from ((1_060_000, 1_100_000, SLOWER), (1_050_001, 1_100_000, SLOWER), (1_050_000, 1_100_000, UNDECIDED))
    yield from ((900_000, 950_000, FASTER), (900_000, 952_381, UNDECIDED), (952_380, 1_050_000, NONE))
    yield from ((952_379, 1_050_000, UNDECIDED), (952_380, 1_050_001, UNDECIDED), (500_000, 2_000_000, UNDECIDED))


@pytest.mark.parametrize(("low", "high", "difference"), tuple(intervals()))
def test_the_zones_end_where_they_say(low: int, high: int, difference: TimedDifference) -> None:
    assert decided(Interval(ratio=(low + high) // 2, low=low, high=high), 5) is difference


@pytest.mark.parametrize(
    ("figure", "unit", "said"),
    [
        (None, "us", "nothing"), (999, "ns", "999 ns"), (1000, "ns", "1 µs"), (20_500, "us", "20.5 ms"),
        (1_234_567, "us", "1.23 s"), (5_000_000_000, "us", "5000 s"), (32_100, "tokens/1000s", "32.1 tokens/s"),
    ],
)  # fmt: skip
def test_amounts_are_written_for_people(figure: int | None, unit: str, said: str) -> None:
    assert amount(figure, unit) == said


class TestDoors:
    def test_the_command_says_it_in_words_and_in_json(self, here: Bench) -> None:
        a, b = kept(here, noisy(good("a"), 1.0, seed=1), "one"), kept(here, noisy(good("a"), 1.3, seed=2), "two")

        def arcops(*more: str) -> Done:
            return typed("compare", a, b, *more, environment={**os.environ, **here.environment})

        done = arcops()
        assert done.returncode == 0, done.stdout + done.stderr
        (line,) = [one for one in done.stdout.splitlines() if CLOSED + "TTFT" in one]
        assert line.endswith(": slower")
        assert "times [1." in line
        said = json.loads(arcops("--format", "json", "--tolerance", "50").stdout)
        figures = {one["name"]: one["difference"] for one in said["measured"][0]["figures"]}
        assert figures[CLOSED + "TTFT"] == "no significant difference"

    def test_the_page_says_it(self, here: Bench) -> None:
        a, b = kept(here, noisy(good("a"), 1.0, seed=1), "one"), kept(here, noisy(good("a"), 1.3, seed=2), "two")
        with TestClient(site(here.place)) as web:
            page = web.get(f"/compare?a={a}&b={b}").text
            assert "Measured times" not in web.get(f"/compare?a={a}&b={a}").text
        row = next(one for one in page.split("<tr") if CLOSED + "TTFT" in one)
        assert "slower" in row
        assert "times [1." in row


def test_one_line_says_all() -> None:
    one = FigureCompared(
        name="x", unit="us", a=1000, b=1200, ratio=1_200_000, low=1_150_000, high=1_250_000, difference=SLOWER, said=""
    )
    assert in_words(one) == "x: 1 ms → 1.2 ms, 1.200 times [1.150 to 1.250]: slower"
