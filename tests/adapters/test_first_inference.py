"""The time to first inference, per model and site, by step, from artifacts that someone who counts signed."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from arcops.finding import Outcome
from capabilities.artifact.figures import AskFigures, success_figures
from capabilities.artifact.first_inference import AskFirstInference, FirstInference, WaitedFor, time_to_first_inference
from tests.adapters.typed import typed
from tests.kept import emptied, finding, keep, report, result
from tests.models import CLOCK, Bench, bench

pytestmark = pytest.mark.requirement("ARC-R4/time-to-first-inference")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
END = CLOCK + timedelta(days=100)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def here(made: Bench, tmp_path: Path) -> Bench:
    return emptied(made, tmp_path)


def check(here: Bench, name: str, at: datetime, *, signed: bool, clean: bool, where: str = "edge-07") -> str:
    red, well = Outcome.FAIL, Outcome.PASS
    gates = (
        result("signatures", finding("signatures/signed", outcome=well if signed else red)),
        result("vulnerabilities", finding("vulnerabilities/known", outcome=well if clean else red)),
    )
    return keep(here, report(name, *gates, at=at, site=where))


def admitted(here: Bench, name: str, at: datetime, *, outcome: Outcome = Outcome.PASS, where: str = "edge-07") -> str:
    said = result("admission", finding("admission/cleared", outcome=outcome, about=f"sha256:{digest(name)}"))
    return keep(here, report(f"Pod.{name}", said, kind="workload", at=at, site=where))


def answers(here: Bench, name: str, at: datetime, *, outcome: Outcome = Outcome.PASS, where: str = "edge-07") -> str:
    return keep(here, report(name, result("inference", finding("inference/answers", outcome=outcome)), at=at, site=where))


def measured(here: Bench, days: int = 365) -> FirstInference:
    return time_to_first_inference(AskFirstInference(days=days), here.place(now=END))


def test_each_step_is_timed_and_they_add_up(here: Bench) -> None:
    check(here, "tiny", CLOCK, signed=False, clean=False)
    signed = check(here, "tiny", CLOCK + HOUR, signed=True, clean=False)
    clean = check(here, "tiny", CLOCK + 3 * HOUR, signed=True, clean=True)
    ran = admitted(here, "tiny", CLOCK + 4 * HOUR)
    answers(here, "tiny", CLOCK + 4 * HOUR + MINUTE, outcome=Outcome.FAIL)
    answered = answers(here, "tiny", CLOCK + 4 * HOUR + 5 * MINUTE)
    answers(here, "tiny", CLOCK + 9 * HOUR)
    (one,) = measured(here).models
    assert [(step.spent, step.seconds, step.artifact) for step in one.steps] == [
        ((WaitedFor.SIGNATURES,), 3600, signed),
        ((WaitedFor.SCANS,), 7200, clean),
        ((WaitedFor.DEPLOYMENT,), 3600, ran),
        ((WaitedFor.LOADING,), 300, answered),
    ]
    assert one.seconds == sum(step.seconds for step in one.steps) == 4 * 3600 + 300
    assert (one.name, one.site, one.begun) == ("tiny", "edge-07", CLOCK)


def test_a_step_without_an_artifact_counts_with_the_next_one(here: Bench) -> None:
    check(here, "tiny", CLOCK, signed=True, clean=True)
    admitted(here, "tiny", CLOCK + HOUR, outcome=Outcome.FAIL)
    answers(here, "tiny", CLOCK + 2 * HOUR)
    (one,) = measured(here).models
    assert [(step.spent, step.seconds) for step in one.steps] == [
        ((WaitedFor.SIGNATURES,), 0),
        ((WaitedFor.SCANS,), 0),
        ((WaitedFor.DEPLOYMENT, WaitedFor.LOADING), 7200),
    ]


def test_each_site_counts_by_itself(here: Bench) -> None:
    for number, where in enumerate(("edge-07", "edge-08")):
        check(here, "tiny", CLOCK + number * MINUTE, signed=True, clean=True, where=where)
        answers(here, "tiny", CLOCK + (1 + number) * HOUR + number * MINUTE, where=where)
    found = measured(here)
    assert {(one.site, one.seconds) for one in found.models} == {("edge-07", 3600), ("edge-08", 7200)}
    assert [(one.site, one.median, one.models) for one in found.sites] == [("edge-07", 3600, 1), ("edge-08", 7200, 1)]
    assert found.sites[0].first is None


def test_the_first_ten_are_compared_with_the_last_ten(here: Bench) -> None:
    for number in range(20):
        begun = CLOCK + number * timedelta(days=1)
        check(here, f"m{number}", begun, signed=True, clean=True)
        answers(here, f"m{number}", begun + (HOUR if number < 10 else HOUR / 4))
    (one,) = measured(here).sites
    assert (one.first, one.last) == (3600, 900)
    assert one.said == "The last 10 models took 75 % less than the first 10."


def test_what_answered_before_the_period_or_without_a_check_is_not_timed(here: Bench) -> None:
    check(here, "old", CLOCK, signed=True, clean=True)
    answers(here, "old", CLOCK + HOUR)
    late = END - timedelta(days=2)
    answers(here, "old", late)
    answers(here, "alone", late + HOUR)
    found = measured(here, days=3)
    assert (found.models, found.alone) == ((), 1)
    assert "No model was first shown to answer" in found.said


def test_what_no_one_vouches_for_is_not_timed(here: Bench, tmp_path: Path) -> None:
    outsider = bench(tmp_path / "outsider")
    check(here, "tiny", CLOCK, signed=True, clean=True)
    said = report("tiny", result("inference", finding("inference/answers")), at=CLOCK + HOUR, site="edge-07")
    keep(here, said, signer=outsider.signer)
    assert measured(here).models == ()


def test_the_figure_is_the_median_of_the_same_times(here: Bench) -> None:
    for number in range(3):
        check(here, f"m{number}", CLOCK + number * MINUTE, signed=True, clean=True)
    for number in range(3):
        answers(here, f"m{number}", CLOCK + (number + 1) * HOUR + number * MINUTE)
    figures = success_figures(AskFigures(days=365), here.place(now=END)).figures
    assert next(one.value for one in figures if one.name == "time-to-first-inference") == 7200


def test_the_command_line_and_the_page_say_where_the_time_went(here: Bench) -> None:
    check(here, "tiny", CLOCK, signed=True, clean=True)
    answers(here, "tiny", CLOCK + HOUR)
    done = typed("store", "first-inference", environment=here.environment)
    assert "3600 s tiny at edge-07" in done.stdout, done.stderr
    client = TestClient(site(lambda: here.place(now=END)), base_url="http://127.0.0.1")
    text = client.get("/figures/first-inference").text
    assert "deployment and loading: 1 h" in text
    assert '<rect class="step loading" x="0.0" y="2" width="1000.0"' in text
    assert client.get("/figures/first-inference?days=0").status_code == 400
