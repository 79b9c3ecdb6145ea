"""``arcops gpu check`` from the outside: a machine without a GPU is BLOCKED and RED, and its artifact says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arcops.evidence import Cause
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key
from tests.adapters.serving import served
from tests.adapters.test_air_gapped import alone
from tests.adapters.typed import Done, typed
from tests.models import Bench, bench
from tests.simulators.nvml import Driver

pytestmark = pytest.mark.requirement("ARC-C1/the-command-leaves-an-artifact", "ARC-4/a-gpu-that-is-not-ready-is-blocked")

CANNOT, USAGE, RED = 1, 2, 3


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def gpu_check(here: Bench, *more: str, **environment: str) -> Done:
    return typed("gpu", "check", *more, environment={**os.environ, **here.environment, "COLUMNS": "400", **environment})


def opened(here: Bench, sealed: Path) -> Report:
    return open_sealed(sealed.read_bytes(), [load_public_key(here.public.read_bytes(), where="bench")]).report


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which no driver's library can be loaded, whatever this machine has."""
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"no library")
    return {"LD_LIBRARY_PATH": str(tmp_path)}


def test_a_machine_without_a_driver_is_blocked_and_red(here: Bench, bare: dict[str, str], tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.json"
    answer = gpu_check(here, "--output", str(sealed), **bare)
    assert answer.returncode == RED, answer.stderr
    assert "BLOCKED: No NVIDIA driver library" in answer.stdout
    report = opened(here, sealed)
    assert report.verdict is Verdict.RED
    assert report.subject.kind == "gpu-node"
    assert report.subject.name
    assert {result.gate for result in report.results} == {"gpu-driver", "gpu-health", "gpu-xids"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_check_that_is_stopped_while_the_driver_hangs_leaves_a_red_artifact(
    here: Bench, tmp_path: Path, number: signal.Signals
) -> None:
    driver = Driver(tmp_path)
    hanging = Path(f"/dev/shm/arcops-hanging-{os.getpid()}-{number}")  # a collector that uses devices may write here
    driver.write()
    environment = {**os.environ, **here.environment, **driver.environment(), "NVIDIA_FAKE_HANG": str(hanging)}
    command = [sys.executable, "-m", "adapters.cli", "gpu", "check", "--output", str(tmp_path / "sealed.json")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not hanging.exists():
            assert process.poll() is None, "the check ended before it could be stopped"
        hanging.unlink()
        process.send_signal(number)
        out, errors = process.communicate(timeout=600)
    assert process.returncode == RED, out + errors
    report = opened(here, tmp_path / "sealed.json")
    assert {missing.cause for missing in report.missing} == {Cause.CANCELLED}


def test_machines_get_the_findings_of_a_driver_that_answers(here: Bench, tmp_path: Path) -> None:
    driver = Driver(tmp_path)
    driver.faults = ["gpu0.rows.failed=1"]
    driver.write()
    answer = gpu_check(here, "--format", "json", **driver.environment())
    assert answer.returncode == RED, answer.stderr
    results = json.loads(answer.stdout)["predicate"]["results"]
    said = {finding["rule"]: finding["text"] for result in results for finding in result["findings"]}
    assert said["gpu-driver/answers"] == "The driver answers."
    assert said["gpu-health/spares"].endswith("remapping a memory row failed.")
    assert said["gpu-health/nvlink"] == "Every NVLink that must be up is up and clean."


@pytest.mark.requirement("ARC-2/air-gapped-opens-no-connection")
def test_gpus_are_judged_where_there_is_no_network(here: Bench, tmp_path: Path) -> None:
    driver = Driver(tmp_path)
    driver.write()
    command = alone(sys.executable, "-m", "adapters.cli", "gpu", "check", "--format", "json")
    environment = {**os.environ, **here.environment, **driver.environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == RED, done.stderr  # this machine's bus and kernel know nothing of the device
    colours = {result["gate"]: result["verdict"] for result in json.loads(done.stdout)["predicate"]["results"]}
    assert colours["gpu-health"] == "GREEN"


@pytest.mark.requirement("ARC-3/remote-is-as-local")
def test_a_server_judges_its_own_gpus(here: Bench, bare: dict[str, str], tmp_path: Path) -> None:
    driver, sealed = Driver(tmp_path / "server"), tmp_path / "sealed.json"
    driver.folder.mkdir()
    driver.faults = ["gpu0.rows.failed=1"]
    driver.write()
    with served("mcp", "--http", env={**here.environment, **driver.environment()}) as server:
        answer = gpu_check(here, "--server", server.mcp, "--output", str(sealed), **bare)
    assert answer.returncode == RED, answer.stderr
    assert "remapping a memory row failed" in answer.stdout
    assert opened(here, sealed).subject.kind == "gpu-node"


def test_a_policy_that_judges_no_gpu_is_wrong_usage(here: Bench, bare: dict[str, str]) -> None:
    answer = gpu_check(here, "--policy", "no-such-policy", **bare)
    assert answer.returncode == USAGE
    assert answer.stderr.startswith("arcops: ")
    assert not answer.stdout
