"""``arcops gpu bench`` and ``arcops gpu baseline`` from the outside: measured, judged, kept, and made into a baseline."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.exercise import Exercise
from arcops.finding import Finding, Outcome
from arcops.result import Report
from arcops.seen.benchmark import Benchmark
from arcops.subjects.gpu import ExercisedNode
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.baseline import open_baseline
from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key
from artifacts.store import Store
from artifacts.wire import digest, from_json
from capabilities.gpu.bench import BenchNode, MakeBaseline, bench_node, make_baseline
from capabilities.kept import kept_bytes
from flows.conclude import conclude
from flows.evaluate import evaluate, seal_and_keep
from flows.plan import make_plan
from flows.policies.reading import load_policy
from flows.subjects.gpu import NODE_BENCHMARK
from gates.gpu.benchmark.examples import run, session
from tests.adapters.typed import Done, typed
from tests.evidence import NOW, evidence
from tests.models import Bench, bench, good_model
from tests.sketch import request as sketch_request

pytestmark = pytest.mark.requirement("ARC-C2/figures-are-judged-by-baseline-and-kind")

GREEN, RED, AMBER = 0, 3, 4
POLICY = """
name: quick
validFor: P1D
gates:
  benchmark:
    signers: [{key: "*"}]
    tolerance: 50
    leastSize: 1
    leastSustained: 0
    mostDrift: 100
    mostDisturbed: 100
    mostFaster: 99
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = bench(tmp_path_factory.mktemp("bench"))
    (made.home / "quick.yaml").write_text(POLICY)
    return made


def arcops(here: Bench, *command: str, **environment: str) -> Done:
    # With a thread for each processor, OpenBLAS waits for whatever else the tests run at the same time.
    more = {"COLUMNS": "400", "OPENBLAS_NUM_THREADS": "1", **environment}
    return typed("gpu", *command, environment={**os.environ, **here.environment, **more})


def quick(here: Bench, *more: str) -> Done:
    policy = str(here.home / "quick.yaml")
    return arcops(
        here, "bench", "--cpu", "--size", "1", "--sustained", "0", "--least", "5", "--most", "5", "--policy", policy, *more
    )


def opened(here: Bench, sealed: Path) -> Report:
    return open_sealed(sealed.read_bytes(), [load_public_key(here.public.read_bytes(), where="bench")]).report


def findings(report: Report, rule: str) -> list[Finding]:
    return [finding for result in report.results for finding in result.findings if finding.rule == rule]


def test_a_machine_without_a_gpu_is_blocked_and_red(here: Bench, tmp_path: Path) -> None:
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        (tmp_path / name).write_bytes(b"no library")
    sealed = tmp_path / "sealed.json"
    answer = arcops(here, "bench", "--output", str(sealed), LD_LIBRARY_PATH=str(tmp_path))
    assert answer.returncode == RED, answer.stderr
    assert "BLOCKED: " in answer.stdout
    report = opened(here, sealed)
    assert report.subject.kind == "gpu-node"
    assert {result.gate for result in report.results} == {"benchmark", "gpu-datasheet"}


def test_a_processor_is_measured_and_becomes_the_baseline_of_the_next_run(here: Bench, tmp_path: Path) -> None:
    first, site, second = (tmp_path / name for name in ("first.json", "site.json", "second.json"))
    answer = quick(here, "-o", str(first))
    assert answer.returncode == AMBER, answer.stdout + answer.stderr
    assert "arcops gpu baseline" in answer.stdout
    report = opened(here, first)
    assert report.subject.kind == "node"
    assert not findings(report, "benchmark/correct")[0].outcome.verdict > Verdict.GREEN

    made = arcops(here, "baseline", str(first), "-o", str(site))
    assert made.returncode == 0, made.stderr
    assert "4 figures" in made.stdout
    baseline, signers = open_baseline(site.read_bytes(), [here.signer.public])
    assert baseline.artifact in str(list((here.settings.store / "log").read_text().splitlines()))
    assert (baseline.verdict, signers) == (Verdict.AMBER, (here.signer.public.id,))
    assert {known.name for known in baseline.figures} == {"memory-copy", "memory-triad", "gemm-fp32", "gemm-fp64"}

    answer = quick(here, "--baseline", str(site), "-o", str(second))
    assert answer.returncode in (GREEN, AMBER, RED), answer.stderr  # other work on this machine decides which
    compared = findings(opened(here, second), "benchmark/baseline")
    assert len([one for one in compared if "of the baseline's time" in one.text]) == 4, compared
    assert [one.outcome for one in findings(opened(here, second), "attachments/read")] == [Outcome.PASS]
    seen = next(record for record in opened(here, second).evidence if record.kind == Benchmark.KIND)
    measured = from_json(Benchmark, kept_bytes(seen.digest, here.place()))
    assert measured.exercise.fresh
    assert not measured.unfinished
    assert {len(one.sessions) for one in measured.figures} <= set(range(5, len(measured.processes) + 1))
    assert len(measured.processes) >= 5  # one for each session


def test_a_baseline_of_an_outsider_is_red_with_the_reason(here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    outsider = bench(tmp_path / "outsider")
    kept(outsider, run())
    (artifact,) = stored(outsider)
    (tmp_path / "site.json").write_text(make_baseline(MakeBaseline(artifact=artifact), outsider.place()).text)
    ask = BenchNode(
        cpu=True, size=1, least=5, most=5, sustained_s=0, baseline=tmp_path / "site.json", policy=str(here.home / "quick.yaml")
    )
    here = replace(here, settings=replace(here.settings, store=tmp_path / "store"))  # the other has a later clock
    report = bench_node(ask, here.place()).report
    assert report.verdict is Verdict.RED
    (finding,) = findings(report, "benchmark/baseline")
    assert finding.outcome is Outcome.UNKNOWN
    assert "trusted here signed it" in finding.text


def test_what_is_no_file_or_makes_no_sense_is_refused(here: Bench, tmp_path: Path) -> None:
    gone = BenchNode(cpu=True, baseline=tmp_path / "gone")
    for wrong in (gone, BenchNode(cpu=True, most=4), BenchNode(cpu=True, policy="no-such-policy")):
        with pytest.raises(Refused):
            bench_node(wrong, here.place())


def kept(here: Bench, body: Benchmark, *, policy: str = "") -> Report:
    """The report on *body* in the store of *here*, as a run would leave it."""
    (here.home / "made.yaml").write_text(policy or POLICY)
    request = replace(sketch_request(here.home), kind="gpu-node", named="node-1", exercise=Exercise())
    plan = make_plan(request, load_policy(str(here.home / "made.yaml")))
    from arcops.seen.baseline import Baselines

    collected = {one.KIND: evidence(one) for one in (body, Baselines())}
    report = conclude(plan, collected, runner="test")
    with Store(here.settings.store) as store:
        seal_and_keep(report, collected, policy=plan.policy, signer=here.signer, store=store, now=lambda: plan.request.now)
    return report


def stored(here: Bench) -> list[str]:
    with Store(here.settings.store) as store:
        return [one.artifact for one in store.list()]


class TestMaking:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Bench:
        return bench(tmp_path)

    def test_it_holds_what_was_measured_and_names_where_it_comes_from(self, place: Bench) -> None:
        body = run()
        report = kept(place, body)
        (artifact,) = stored(place)
        made = make_baseline(MakeBaseline(artifact=artifact), place.place())
        baseline, _ = open_baseline(made.text.encode(), [place.signer.public])
        assert (baseline.artifact, baseline.evidence) == (artifact, digest(body))
        assert baseline.measured_at == NOW
        assert [known.times for known in baseline.figures] == [figure.times for figure in body.figures]
        assert report.verdict is Verdict.AMBER

    def test_nothing_red_or_disturbed_becomes_a_baseline(self, place: Bench) -> None:
        lost = replace(run(), figures=tuple(replace(one, said="lost") for one in run().figures))
        louder = session(500_000, canary=9_000_000)
        loud = replace(
            run(),
            figures=tuple(replace(one, sessions=(*one.sessions, *[louder] * 4)) for one in run().figures),
        )
        strict = POLICY.replace("mostDisturbed: 100", "mostDisturbed: 20")
        for body, why in ((lost, "is RED"), (loud, "was disturbed")):
            kept(place, body, policy=strict)
            with pytest.raises(Refused, match=why):
                make_baseline(MakeBaseline(artifact=stored(place)[0]), place.place())

    def test_sessions_that_shared_a_process_become_none(self, place: Bench) -> None:
        """As in artifacts of earlier releases."""
        kept(place, replace(run(), exercise=Exercise()))
        (artifact,) = stored(place)
        with pytest.raises(Refused, match="shared one process"):
            make_baseline(MakeBaseline(artifact=artifact), place.place())

    def test_an_artifact_of_something_else_becomes_none(self, place: Bench) -> None:
        checked = place.check(good_model(place))
        with pytest.raises(Refused, match="not of a benchmark"):
            make_baseline(MakeBaseline(artifact=checked.artifact), place.place())

    def test_evidence_that_was_changed_in_the_store_becomes_none(self, place: Bench) -> None:
        kept(place, run())
        (artifact,) = stored(place)
        with Store(place.settings.store) as store:
            path = store.path(digest(run()))
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"500", b"900"))
        with pytest.raises(Refused, match="was changed"):
            make_baseline(MakeBaseline(artifact=artifact), place.place())

    def test_an_artifact_of_an_outsider_becomes_none(self, place: Bench, tmp_path: Path) -> None:
        outsider = bench(tmp_path / "outsider")
        kept(outsider, run())
        with Store(outsider.settings.store) as store:
            text = store.get(store.list()[0].artifact).decode()
        with pytest.raises(Refused, match="trusted here signed it"):
            make_baseline(MakeBaseline(artifact=text), place.place())


def test_a_run_that_is_stopped_leaves_a_red_artifact(here: Bench, tmp_path: Path) -> None:
    here = replace(here, settings=replace(here.settings, store=tmp_path / "store"))  # the other has a later clock
    at = here.place()
    at.stop.set()
    try:
        report = evaluate(NODE_BENCHMARK, ExercisedNode(cpu=True), str(here.home / "quick.yaml"), at).report
    finally:
        at.stop.clear()
    assert report.verdict is Verdict.RED
    assert report.tier is Tier.AIR_GAPPED
