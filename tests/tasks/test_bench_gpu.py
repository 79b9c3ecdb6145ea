"""A whole benchmark of a GPU, from the driver to the findings, over NVIDIA's real binding and a GPU that the host plays.

That GPU keeps time as it is told and does not compute, which must show, too: its results are wrong.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from arcops.collector import Collector
from arcops.evidence import Body, Evidence
from arcops.exercise import Exercise
from arcops.finding import Outcome
from arcops.gate import Gate
from arcops.seen.baseline import Baselines
from arcops.seen.benchmark import Benchmark
from flows.runners.looking import look
from gates.gpu.benchmark.examples import POLICY, known
from gates.gpu.benchmark.gate import benchmark as gate
from tasks.gpu.benchmark import benchmark as collector
from tests.evidence import NOW, judged
from tests.simulators import cuda as fake
from tests.simulators.cuda import FakeGpu
from tests.sketch import request

pytest.importorskip("cuda.bindings.driver", reason="NVIDIA's bindings are not installed (extra 'gpu')")
pytestmark = [
    pytest.mark.requirement("ARC-C2/gpus-are-measured"),
    pytest.mark.skipif(not fake.can_be_built(), reason="there is no C++ compiler to build the fake driver with"),
]

POLICY = replace(POLICY, least_size=1, least_sustained=0)


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    made = FakeGpu(tmp_path)
    made.write()
    monkeypatch.setenv("FAKE_CUDA_STATE", str(made.state))
    fake.forget()
    return made


def measured(tmp_path: Path) -> Benchmark:
    asked = replace(request(tmp_path), kind="gpu-node", exercise=Exercise(size=1, sustained=0))
    found = look(cast("Collector[Body]", collector), asked, {})
    assert isinstance(found, Evidence), found
    assert isinstance(found.body, Benchmark)
    # The fake keeps its time in this process; how each session gets a process is tested with the processor.
    return replace(found.body, exercise=replace(asked.exercise or Exercise(), fresh=True))


def said(body: Benchmark, given: Baselines, rule: str) -> dict[str, Outcome]:
    """What each finding of *rule* is about, and its outcome."""
    result = judged(cast("Gate[object]", gate), POLICY, [body, given])
    return {finding.about: finding.outcome for finding in result.findings if finding.rule == f"benchmark/{rule}"}


def test_a_figure_that_became_slower_is_found_among_all_that_did_not(gpu: FakeGpu, tmp_path: Path) -> None:
    body = measured(tmp_path)
    then = known(body)
    assert then.baseline is not None
    then = replace(then, baseline=replace(then.baseline, measured_at=NOW))
    assert {"memory-copy", "memory-triad", "host-to-device", "gemm-bf16-own"} <= {one.name for one in body.figures}
    assert set(said(body, then, "baseline").values()) == {Outcome.PASS}
    assert set(said(body, then, "measured").values()) == {Outcome.PASS}
    assert set(said(body, then, "canary").values()) == {Outcome.PASS}

    gpu.tell(**{"launch.multiply_bf16": 1_100_000})  # a tenth longer than it was
    found = said(measured(tmp_path), then, "baseline")
    assert [about.partition(" ")[0] for about, outcome in found.items() if outcome is not Outcome.PASS] == ["gemm-bf16-own"]
    assert Outcome.FAIL in found.values()


def test_a_gpu_that_does_not_compute_is_found_wrong(gpu: FakeGpu, tmp_path: Path) -> None:
    assert Outcome.FAIL in said(measured(tmp_path), Baselines(), "correct").values()


def test_a_gpu_that_is_lost_on_the_way_says_so(gpu: FakeGpu, tmp_path: Path) -> None:
    gpu.tell("after cuEventElapsedTime_v2 200: ret.*=999", "after cuEventElapsedTime 200: ret.*=999")
    body = measured(tmp_path)
    assert any("the device was lost" in figure.said for figure in body.figures), (body.said, body.figures[:1])
    assert Outcome.UNKNOWN in said(body, Baselines(), "measured").values()
