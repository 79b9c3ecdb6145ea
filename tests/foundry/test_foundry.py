"""The real engine of Foundry Local, on the processor, with a model made on the spot: ``make test-foundry``.

It has its own environment, and is asked like any endpoint. Without it these tests are reported as skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.seen.inference import Listing, RunKind
from arcops.seen.inference_server import Flavour
from tests.models import bench
from tests.simulators.inference_servers import Foundry, foundry, quick
from tests.simulators.openai_api import Api
from tests.tasks.test_inference import looked, small

pytestmark = pytest.mark.requirement("ARC-C3/foundry-local-is-measured")

PYTHON = "ARCOPS_FOUNDRY"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python = os.environ.get(PYTHON)
    if not python:
        pytest.skip(f"the engine of Foundry Local is not here: 'make test-foundry' installs it and sets {PYTHON}")
    command = [python, "-m", "tests.foundry.engine", str(tmp_path_factory.mktemp("foundry"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = ""
        for line in process.stdout:  # the engine writes warnings there, too
            if line.startswith("SERVES "):
                address = line.split()[1]
                break
        assert address, "the engine ended before it served"
        yield address
        process.communicate("")


def get(url: str) -> tuple[int, object]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # an address of this test's own
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def test_models_are_loaded_by_alias_completed_by_id_and_timed(engine: str) -> None:
    load = small(Api(plans={}, url=engine), "tiny", "other", reload=True, tokens=12, each=4, rates=(8000,), patience=30_000_000)
    body = looked(load)
    assert body.server.flavour is Flavour.FOUNDRY
    assert (body.listing, body.listed) == (Listing.LOADED, ("other-random:1", "tiny-random:1"))
    assert {(one.model, one.id) for one in body.server.served} == {("tiny", "tiny-random:1"), ("other", "other-random:1")}
    assert all(one.cold for one in body.server.served)
    assert {one.status for one in body.server.probes} == {200}
    shots = [shot for run in body.runs for shot in run.shots]
    assert {shot.fault for shot in shots} == {None}
    assert all(shot.tokens == shot.asked for shot in shots)
    for model in load.models:
        repeated = body.run(RunKind.REPEATED, model, 1)
        assert repeated is not None
        assert len({shot.text for shot in repeated.shots}) == 1
        assert body.run(RunKind.TOGETHER, model, 1) is not None
    assert body.server.memory.process.many >= 1
    assert body.server.memory.process.most > 10 * 2**20


def test_the_whole_check_judges_it(engine: str, tmp_path: Path) -> None:
    here = bench(tmp_path)
    command = [sys.executable, "-m", "adapters.cli", "inference", "check", engine, "--models", "tiny,other", "--load"]
    command += ["--policy", "inference-foundry", "--requests", "8", "--rate", "8", "--tokens", "16", "--format", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, **here.environment}
    )
    assert done.returncode in (0, 3, 4), done.stderr
    told: dict[str, set[str]] = {}
    for result in json.loads(done.stdout)["predicate"]["results"]:
        for one in result["findings"]:
            told.setdefault(one["rule"].removeprefix("inference/"), set()).add(one["outcome"])
    # A test cannot know the speed and the free memory of a shared machine.
    for rule in ("listed", "ready", "errors", "counted", "determinism", "load-time"):
        assert told[rule] == {"PASS"}, done.stdout
    assert told["headroom"] <= {"PASS", "FAIL"}


def test_the_simulator_answers_as_the_engine_does(engine: str) -> None:
    """Each request of the collector, sent to both: the same status, and the same form of the answer."""
    routes = ["/status", "/v1/models", "/models/unload/tiny", "/models/loaded", "/models/unload/tiny", "/models/load/tiny"]
    routes += ["/models/load/tiny", "/models/loaded", "/models/load/tiny-random:1", "/models/load/unknown", "/openai/status"]
    routes += ["/v1/model", "/ready", "/health", "/models/unload/tiny", "/models/unload/unknown"]
    get(f"{engine}/models/unload/other")
    get(f"{engine}/models/load/tiny")
    server = Foundry(aliases=("tiny", "other"), takes=0.0, loaded=["tiny-random:1"])
    with foundry(server, quick()) as api:
        for route in routes:
            real, made = get(engine + route), get(api.url + route)
            assert shape(real) == shape(made), route


def shape(answer: tuple[int, object]) -> tuple[int, object]:
    status, said = answer
    if isinstance(said, dict) and "status" not in said:
        return status, sorted(said.keys() - {"pid"})
    return status, said
