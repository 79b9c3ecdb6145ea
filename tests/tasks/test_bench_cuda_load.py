"""The sustained load on a GPU, with the sensors of NVML; and cuBLASLt, if the site has it."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from arcops.errors import Unavailable
from arcops.exercise import Exercise
from tasks.gpu.bench import cuda
from tasks.gpu.bench.cuda import sustain
from tests.simulators import cuda as fake
from tests.simulators import nvml
from tests.simulators.cuda import FakeGpu
from tests.tasks.test_bench_cuda import NOTHING, TINY, gpu, opened, run_with_driver

pytest.importorskip("cuda.bindings.driver", reason="NVIDIA's bindings are not installed (extra 'gpu')")
pytestmark = [
    pytest.mark.requirement("ARC-C2/sustained-load-is-measured"),
    pytest.mark.skipif(not fake.can_be_built(), reason="there is no C++ compiler to build the fake driver with"),
]
__all__ = ["gpu"]

ROUNDS = 6


@pytest.fixture
def sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nvml.Driver:
    """NVML of the same node, in this process."""
    ctypes.CDLL(str(nvml.library()))
    node = nvml.Driver(tmp_path / "node")
    node.folder.mkdir()
    node.device |= {"clock.sm": 1980, "reasons": 4}
    node.write()
    monkeypatch.setenv("NVIDIA_FAKE_STATE", str(node.state))
    return node


@pytest.fixture
def heavy(gpu: FakeGpu) -> FakeGpu:
    """A product that takes 50 ms, so that a round has four."""
    gpu.tell(idle=2, **{"launch.multiply_bf16": 50_000_000})
    return gpu


def test_a_moment_has_what_the_sensors_say(heavy: FakeGpu, sensors: nvml.Driver) -> None:
    with opened() as (device,):
        assert "driver 580.95.05; CUDA 13.0; NVRTC 13." in device.machine.software
        assert device.machine.device == sensors.uuid(0)
        (first, *_) = device.sustain(1)
    assert (first.clock, first.celsius, first.power, first.reasons) == (1980, 34, 71000, ("software-power-cap",))
    assert first.took == 4 * 50_000_000 + 1_000_000  # four products, and the comparison
    assert sustain.ROUND <= 5e8  # told of twice a second or more
    assert heavy.held() == NOTHING


def test_the_device_never_rests_between_rounds_and_slowing_down_shows(heavy: FakeGpu, sensors: nvml.Driver) -> None:
    heavy.tell("after cuLaunchKernel 24: launch.multiply_bf16=80000000")
    took = []
    with opened() as (device,):
        for moment in device.sustain(10_000_000):
            took.append(moment.took)
            launched = sum(line.startswith("launch multiply") for line in heavy.book())
            assert launched >= 4  # the next round waits already when this one is told of
            if len(took) == ROUNDS:
                break
    assert took[0] == 201_000_000
    assert took[-1] == 321_000_000


def test_without_sensors_nothing_is_made_up(heavy: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    with opened() as (device,):
        (first, *_) = device.sustain(1)
        assert "driver unknown" in device.machine.software
    assert (first.clock, first.celsius, first.power, first.reasons) == (None,) * 4


def test_sums_that_change_under_load_are_told(heavy: FakeGpu, sensors: nvml.Driver) -> None:
    heavy.tell("after cuLaunchKernel 12: wrong.multiply_bf16=5")
    with opened() as (device,), pytest.raises(Unavailable, match=r"under load .* the GPU computes wrongly"):
        list(device.sustain(1))
    assert heavy.held() == NOTHING


def test_a_device_lost_under_load(heavy: FakeGpu, sensors: nvml.Driver) -> None:
    heavy.tell("after cuLaunchKernel 20: ret.*=719")
    with opened() as (device,), pytest.raises(Unavailable, match="CUDA_ERROR_LAUNCH_FAILED"):
        list(device.sustain(10_000_000))


class TestCublasLt:
    """In a process of its own: once found, it would be there for every other test."""

    def run(self, gpu: FakeGpu, code: str, **environment: str) -> str:
        start = (
            f"import ctypes; lt = ctypes.CDLL({str(fake.cublaslt())!r}); from tasks.gpu.bench import cuda;"
            "from arcops.exercise import Exercise; device, = cuda.gpus(Exercise(size=1));"
            "drills = {one.name: one for one in device.drills() if one.name[:4] == 'gemm'};"
        )
        return run_with_driver(start + code, gpu, **environment)

    def test_it_multiplies_every_format_right(self, gpu: FakeGpu) -> None:
        gpu.tell(idle=0)
        said = self.run(
            gpu,
            "print(device.machine.software[-33:], {n: d.check().wrong for n, d in drills.items()}, end=' ');"
            "device.close(); print(lt.fake_cublaslt_held())",
        )
        wrong = {f"gemm-{name}": 0 for name in ("fp32", "tf32", "fp16", "bf16", "fp8")}
        assert said.endswith(f"matrices by cuBLASLt 13.10.0 {wrong} 0"), said

    def test_what_it_cannot_multiply_our_own_kernels_do(self, gpu: FakeGpu) -> None:
        said = self.run(gpu, "print(list(drills))", FAKE_CUBLASLT_LACKS="28")
        assert said == "['gemm-fp32', 'gemm-tf32', 'gemm-fp16', 'gemm-bf16', 'gemm-fp8-own']"

    def test_it_is_timed_on_the_same_stream(self, gpu: FakeGpu) -> None:
        said = self.run(gpu, "print(drills['gemm-fp8'].time(2)[0])")
        assert said == "1000000"


def test_none_is_said_to_be_none(gpu: FakeGpu) -> None:
    with opened(Exercise(size=1)) as (device,):
        assert device.machine.software.endswith("matrices by ArcOps' own kernels")
    assert cuda.gpus(TINY)[0].close() is None


class TestTheScript:
    """benches/gpu.py, which a person runs on a machine with a GPU."""

    def lines(self, gpu: FakeGpu | None, *arguments: str) -> tuple[int, str]:
        root = Path(__file__).parents[2]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root)}
        if gpu is not None:
            environment |= {"LD_LIBRARY_PATH": str(fake.built().parent), "FAKE_CUDA_STATE": str(gpu.state)}
        command = [sys.executable, str(root / "benches" / "gpu.py"), "--size", "1", "--sustained", "1", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        return done.returncode, done.stdout + done.stderr

    def test_it_holds_figures_against_the_published_ones(self, gpu: FakeGpu) -> None:
        gpu.tell(idle=2, **{"launch.copy": 120_000})
        code, said = self.lines(gpu)
        (copy,) = [line for line in said.splitlines() if "memory-copy" in line]
        assert code == 1  # for matrices that were not multiplied are wrong
        assert "of 4,800 (floor 0.000 ms, " in copy
        assert "aim 88 %" in copy
        assert copy.endswith("right")
        (own,) = [line for line in said.splitlines() if "gemm-bf16-own" in line]
        assert "of 989,500" in own
        assert "WRONG" in own

    def test_without_a_gpu_it_says_so(self) -> None:
        assert self.lines(None) == (
            0,
            "no GPU was measured: no NVIDIA driver: libcuda.so.1 was not found; install the driver, or use --cpu\n",
        )
        assert self.lines(None, "--required")[0] == 1
