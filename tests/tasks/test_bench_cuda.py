"""The GPU's part of the benchmark, over NVIDIA's real binding and compiler and a GPU on the host (tests/simulators/cuda)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.exercise import Exercise
from arcops.seen.benchmark import Checked
from tasks.gpu.bench import cuda
from tasks.gpu.bench.cuda import room
from tasks.gpu.bench.drills import Device, Drill
from tests.simulators import cuda as fake
from tests.simulators.cuda import FakeGpu

pytest.importorskip("cuda.bindings.driver", reason="NVIDIA's bindings are not installed (extra 'gpu')")
pytestmark = [
    pytest.mark.requirement("ARC-C2/gpus-are-measured"),
    pytest.mark.skipif(not fake.can_be_built(), reason="there is no C++ compiler to build the fake driver with"),
]

TINY = Exercise(size=1)
SAMPLES = 3
NOTHING = {"device": 0, "host": 0, "streams": 0, "events": 0, "modules": 0, "contexts": 0}
AT_REST = {"device": 0, "host": 0, "streams": 2, "events": 2, "contexts": 1}


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    made = FakeGpu(tmp_path)
    made.write()
    monkeypatch.setenv("FAKE_CUDA_STATE", str(made.state))
    fake.forget()
    return made


@contextmanager
def opened(exercise: Exercise = TINY) -> Iterator[Sequence[Device]]:
    devices = cuda.gpus(exercise)
    try:
        yield devices
    finally:
        for device in devices:
            device.close()


def drill(device: Device, name: str) -> Drill:
    return next(one for one in (device.canary(), *device.drills()) if one.name == name)


def checked(one: Drill) -> Checked:
    assert one.check is not None
    return one.check()


class TestTiming:
    def test_every_drill_gives_what_the_device_took(self, gpu: FakeGpu) -> None:
        gpu.tell(**{f"launch.multiply_{name}": 2_000_000 + 1000 * n for n, name in enumerate(("fp32", "tf32", "fp16"))})
        gpu.tell(**{"launch.copy": 123_000, "launch.triad": 700_000, "rate.toDevice": 500, "rate.fromDevice": 250})
        with opened() as (device,):
            took = {one.name: one.time(SAMPLES) for one in (device.canary(), *device.drills())}
            assert {key: gpu.held()[key] for key in AT_REST} == AT_REST
            size = drill(device, "host-to-device").work
        assert all(len(times) == SAMPLES for times in took.values())
        middle = {name: times[0] for name, times in took.items()}
        assert middle["canary"] == 1_000_000
        assert middle["memory-copy"] == 123_000
        assert middle["memory-triad"] == 700_000
        assert [middle[f"gemm-{name}-own"] for name in ("fp32", "tf32", "fp16", "bf16", "fp8")] == [
            2_000_000,
            2_001_000,
            2_002_000,
            1_000_000,
            1_000_000,
        ]
        assert middle["host-to-device"] == pytest.approx(size * 2, abs=1)
        assert middle["device-to-host"] == pytest.approx(size * 4, abs=1)
        assert middle["host-and-device-duplex"] == pytest.approx(size * 4, abs=1)  # as long as the slower of the two alone
        assert middle["host-to-device-pageable"] == pytest.approx(4 * size * 2, abs=1)
        assert gpu.held() == NOTHING

    def test_short_loads_are_timed_in_batches_that_the_clock_can_tell(self, gpu: FakeGpu) -> None:
        gpu.tell(**{"launch.canary": 10_000})
        with opened() as (device,):
            canary = device.canary()
            gpu.book()
            assert set(canary.time(SAMPLES)) == {10_000}
        launches = [line for line in gpu.book() if line.startswith("launch canary")]
        assert len(launches) * 10_000 >= 30e6 + SAMPLES * 4e6  # warm-up and samples

    def test_every_sample_has_fresh_input_and_other_matrices(self, gpu: FakeGpu) -> None:
        gpu.tell(**{"launch.multiply_fp16": 40_000_000})
        with opened() as (device,):
            product = drill(device, "gemm-fp16-own")
            gpu.book()
            product.time(SAMPLES)
            book = gpu.book()
        assert [line for line in book if "multiply" in line or "spread" in line] == [
            *(["launch spread 32x1 of 256"] * 4 + ["launch multiply_fp16 1x2 of 256"]) * (SAMPLES + 1)
        ]

    def test_work_is_counted_from_bytes_and_operations(self, gpu: FakeGpu) -> None:
        with opened(Exercise(size=50)) as (device,):
            work = {one.name: one.work for one in device.drills()}
        buffer = (1 << 28) * 50 // 1000 // 4096 * 4096
        assert work["memory-copy"] == 2 * buffer
        assert work["memory-triad"] == 3 * buffer
        assert work["gemm-bf16-own"] == 2 * 256**3
        assert work["host-and-device-duplex"] == 2 * work["host-to-device"] == 2 * ((1 << 27) * 50 // 1000 // 4096 * 4096)

    def test_buffers_are_larger_than_the_cache_and_fit_the_memory(self, gpu: FakeGpu) -> None:
        gpu.tell(cache=60 << 20)
        with opened(Exercise()) as (device,):
            assert drill(device, "memory-copy").work == 2 * (512 << 20)
        gpu.tell(free=64 << 20)
        with opened(Exercise()) as (device,):
            for one in device.drills():
                one.time(1)
            assert drill(device, "memory-copy").work == 2 * (8 << 20)


class TestResults:
    def test_every_kernel_computes_what_numpy_does(self, gpu: FakeGpu) -> None:
        gpu.tell(idle=0)
        with opened() as (device,):
            found = {one.name: checked(one) for one in device.drills()}
        assert {name: one.wrong for name, one in found.items()} == dict.fromkeys(found, 0)
        assert found["gemm-fp8-own"].compared == 256 * 256
        assert found["host-and-device-duplex"].compared * 4 == 2 * ((1 << 27) // 1000 // 4096 * 4096)

    def test_turing_multiplies_half_precision_its_own_way(self, gpu: FakeGpu) -> None:
        gpu.tell(idle=0, major=7, minor=5, shared=65536)
        with opened() as (device,):
            absent = {one.name: one.absent for one in device.drills() if one.absent}
            assert checked(drill(device, "gemm-fp16-own")).wrong == 0
        assert set(absent) == {"gemm-tf32", "gemm-bf16", "gemm-fp8"}
        assert absent["gemm-fp8"] == "a device of compute capability 7.5 does not support fp8, which needs 8.9"

    @pytest.mark.parametrize(
        ("name", "kernel"),
        [("memory-copy", "copy"), ("memory-triad", "triad"), ("gemm-fp32-own", "multiply_fp32")],
    )
    def test_one_flipped_bit_shows(self, gpu: FakeGpu, name: str, kernel: str) -> None:
        gpu.tell(idle=0, **{f"wrong.{kernel}": 777})
        with opened() as (device,):
            assert checked(drill(device, name)).wrong >= 1

    def test_a_device_that_does_nothing_is_all_wrong(self, gpu: FakeGpu) -> None:
        with opened() as (device,):
            for one in device.drills():
                found = checked(one)
                assert found.wrong > found.compared // 3, one.name


class TestTwo:
    def test_copies_between_them_are_right_and_timed(self, gpu: FakeGpu) -> None:
        gpu.tell(devices=2, **{"rate.peer": 100})
        with opened() as devices:
            assert [device.machine.device[-20:] for device in devices[:2]] == ["0000-0000-0000-000000000000"[-20:]] * 2
            pair = devices[2]
            assert pair.machine.device == f"{devices[0].machine.device}>{devices[1].machine.device}"
            copy, both = pair.drills()
            assert copy.time(2)[0] == pytest.approx(copy.work * 10, abs=1)
            assert both.time(2)[0] == pytest.approx(copy.work * 10, abs=1)
            gpu.tell(idle=0)
            assert (checked(copy).wrong, checked(both).wrong) == (0, 0)
            assert list(pair.sustain(1000)) == []
            gpu.tell(idle=1)
            assert checked(copy).wrong > 0
        assert gpu.held() == NOTHING

    def test_without_a_way_between_them_says_so(self, gpu: FakeGpu) -> None:
        gpu.tell(devices=2, peers=0)
        with opened() as devices:
            assert {one.absent for one in devices[2].drills()} == {
                "the driver does not allow direct access between the memory of these two GPUs"
            }


class TestErrors:
    """Whatever the driver answers is an error of ours, with its name, and nothing waits for ever."""

    @pytest.mark.parametrize(
        ("told", "error", "said"),
        [
            ({"devices": 0}, Refused, "CUDA_ERROR_NO_DEVICE"),
            ({"ret.cuInit": 800}, Refused, "CUDA_ERROR_NOT_PERMITTED .* /dev/nvidia"),
            ({"ret.cuInit": 304}, Refused, "CUDA_ERROR_OPERATING_SYSTEM"),
            ({"ret.cuInit": 803}, Refused, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
            ({"ret.cuInit": 802}, Unavailable, "CUDA_ERROR_SYSTEM_NOT_READY .*fabricmanager"),
            ({"ret.cuDevicePrimaryCtxRetain": 46}, Unavailable, "CUDA_ERROR_DEVICE_UNAVAILABLE"),
            ({"ret.cuStreamCreate": 2}, Unavailable, "CUDA_ERROR_OUT_OF_MEMORY"),
            ({"ret.cuInit": 12345}, Unavailable, "the answer of cuInit cannot be read"),
            ({"major": 5, "minor": 2}, Refused, "compute capability|of 5.2"),
        ],
    )
    def test_at_the_beginning(self, gpu: FakeGpu, told: dict[str, object], error: type[ArcOpsError], said: str) -> None:
        gpu.tell(**told)
        with pytest.raises(error, match=said):
            cuda.gpus(TINY)
        assert gpu.held() == NOTHING

    def test_out_of_memory_leaves_the_device_as_it_was(self, gpu: FakeGpu) -> None:
        with opened() as (device,):
            copy = drill(device, "memory-copy")
            gpu.tell(free=4096)
            with pytest.raises(Unavailable, match=r"cuMemAlloc answered CUDA_ERROR_OUT_OF_MEMORY \(2\): another process"):
                copy.time(1)
            gpu.tell(free=1 << 30)
            assert copy.time(1)
        assert gpu.held() == NOTHING

    @pytest.mark.parametrize(
        ("function", "code", "name"),
        [
            ("cuLaunchKernel", 719, "CUDA_ERROR_LAUNCH_FAILED"),
            ("cuEventQuery", 214, "CUDA_ERROR_ECC_UNCORRECTABLE"),
            ("cuEventQuery", 700, "CUDA_ERROR_ILLEGAL_ADDRESS"),
            ("cuMemcpyHtoDAsync", 220, "CUDA_ERROR_NVLINK_UNCORRECTABLE"),
            ("cuModuleLoadData", 200, "CUDA_ERROR_INVALID_IMAGE .*driver may be older"),
        ],
    )
    def test_a_device_lost_in_the_middle(self, gpu: FakeGpu, function: str, code: int, name: str) -> None:
        with opened() as (device,):
            move = drill(device, "host-to-device")
            gpu.tell(f"after {function} 1: ret.*={code}" if function != "cuModuleLoadData" else f"ret.{function}={code}")
            with pytest.raises(Unavailable, match=name):
                move.time(1)
            gpu.book()
            with pytest.raises(Unavailable, match=name):
                device.canary().time(1)
            assert gpu.book() == []  # nothing is asked of it any more

    def test_a_load_that_never_ends(self, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "SECONDS_TO_WAIT", 0.05)
        with opened() as (device,):
            canary = device.canary()
            gpu.tell(asleep=1)
            with pytest.raises(Unavailable, match="had not ended after"):
                canary.time(1)
            gpu.book()
        held = gpu.held()  # giving memory back would wait for the load, so it is left to the end of the process
        assert held["device"] == 1
        assert held["contexts"] == 1

    def test_a_function_that_the_driver_lacks(self, gpu: FakeGpu) -> None:
        code = "from tasks.gpu.bench import cuda; from arcops.exercise import Exercise; cuda.gpus(Exercise(size=1))"
        gpu.tell(**{"without.cuDevicePrimaryCtxRetain": 1})
        done = run_with_driver(code, gpu)
        assert "cuDevicePrimaryCtxRetain is not in the driver's library; update the driver" in done


def run_with_driver(code: str, gpu: FakeGpu | None, *, path: Path | None = None, **more: str) -> str:
    """The last line that Python says of *code* in a process of its own, with or without the fake driver."""
    environment = {**more, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": "/nonexistent"}
    if gpu is not None:
        environment |= {"LD_LIBRARY_PATH": str((path or fake.built()).parent), "FAKE_CUDA_STATE": str(gpu.state)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr).strip().rpartition("\n")[2]


class TestWithout:
    OPEN = "from tasks.gpu.bench import cuda; from arcops.exercise import Exercise; cuda.gpus(Exercise(size=1))"

    def test_a_driver(self) -> None:
        assert "no NVIDIA driver: libcuda.so.1 was not found" in run_with_driver(self.OPEN, None)

    @pytest.mark.parametrize("module", ["cuda.bindings.driver", "cuda.bindings.nvrtc"])
    def test_the_extra(self, gpu: FakeGpu, module: str) -> None:
        code = f"import sys; sys.modules[{module!r}] = None; {self.OPEN}"
        said = run_with_driver(code, gpu)
        assert f"arcops.errors.Refused: NVIDIA's {module} cannot be imported" in said
        assert "arcops[gpu]" in said

    def test_anything_of_nvidias_until_a_gpu_is_measured(self) -> None:
        code = (
            "import sys, tasks.gpu.bench.cuda, tasks.gpu, adapters.cli.main; print([m for m in sys.modules if m[:4] == 'cuda'])"
        )
        assert run_with_driver(code, None) == "[]"


@pytest.mark.parametrize(
    "broken",
    [
        ("tensor.cu", "__syncthreads(); /*", "/*"),
        ("tensor.cu", "shallow_mma(sum, a[2], a[3], b1)", "shallow_mma(sum, a[1], a[3], b1)"),
    ],
    ids=["a barrier is missing", "two parts of a are exchanged"],
)
def test_a_kernel_that_is_wrong_shows(gpu: FakeGpu, broken: tuple[str, str, str]) -> None:
    gpu.tell(idle=0, **({"major": 7, "minor": 5} if "shallow" in broken[1] else {}))
    code = (
        "from tasks.gpu.bench import cuda; from arcops.exercise import Exercise; device, = cuda.gpus(Exercise(size=1));"
        "print([one.check().wrong > 100 for one in device.drills() if one.name == 'gemm-fp16-own'])"
    )
    assert run_with_driver(code, gpu, path=fake.built(broken)) == "[True]"
