"""The processor as a device: the work is real, wrong results are found, and what the kernel tells is read right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from arcops.errors import Unavailable
from arcops.exercise import Exercise
from arcops.seen.benchmark import Unit
from tasks.gpu.bench.cpu import memory, processors
from tasks.gpu.bench.cpu.machine import HostMachine, celsius, clock, host, throttled
from tasks.gpu.bench.cpu.products import Products, order, wrong_elements
from tasks.gpu.bench.cpu.workers import Workers
from tasks.gpu.bench.drills import Device

pytestmark = pytest.mark.requirement("ARC-C2/cpus-are-measured")

TINY = Exercise(cpu=True, size=1)


@pytest.fixture(scope="module")
def processor() -> Iterator[Device]:
    (device,) = processors(TINY)
    yield device
    device.close()


def test_each_drill_takes_time_and_is_right(processor: Device) -> None:
    names = []
    for drill in processor.drills():
        names.append(drill.name)
        samples = drill.time(3)
        assert len(samples) == 3
        assert all(took > 0 for took in samples)
        assert drill.check is not None
        checked = drill.check()
        assert checked.wrong == 0
        assert checked.compared > 1000
    assert names == ["memory-copy", "memory-triad", "gemm-fp32", "gemm-fp64"]


def test_work_is_counted_as_it_is_done(processor: Device) -> None:
    copy, triad, single, double = processor.drills()
    assert (copy.unit, single.unit) == (Unit.BYTES, Unit.OPERATIONS)
    assert copy.work * 3 == triad.work * 2  # two arrays of three, as STREAM counts
    assert single.work == double.work == 2 * order(TINY.size) ** 3


def test_it_says_what_it_is_and_what_drives_it(processor: Device) -> None:
    assert processor.machine.device == "cpu"
    assert processor.machine.model.endswith(" processors")
    for part in (f"NumPy {numpy.__version__}", " threads", "pinned", "last-level cache"):
        assert part in processor.machine.software


def test_a_load_is_kept_up_for_as_long_as_it_should(processor: Device) -> None:
    begun = time.monotonic()
    moments = list(processor.sustain(500_000))
    assert time.monotonic() - begun >= 0.5
    assert moments[0].at < 100_000
    assert all(moment.took > 0 for moment in moments)
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)


def test_the_canary_runs(processor: Device) -> None:
    assert all(took > 0 for took in processor.canary().time(4))


@pytest.mark.parametrize("kind", [numpy.float32, numpy.float64])
class TestFreivalds:
    def made(self, kind: type, order: int = 96) -> tuple[numpy.random.Generator, list[numpy.ndarray]]:  # type: ignore[type-arg]  # of either kind
        draw = numpy.random.default_rng(7)
        a, b = (draw.integers(-8, 9, (order, order)).astype(kind) for _ in range(2))
        return draw, [a, b, a @ b]

    def test_what_is_right_is_right(self, kind: type) -> None:
        draw, (a, b, product) = self.made(kind)
        assert wrong_elements(a, b, product, draw) == 0

    @pytest.mark.parametrize("wrong", [1, -1, 0.5, float("nan"), float("inf"), 2.0**40])
    def test_one_wrong_element_is_found_wherever_it_is(self, kind: type, wrong: float) -> None:
        for row, column in ((0, 0), (95, 95), (40, 3)):
            draw, (a, b, product) = self.made(kind)
            product[row, column] += wrong
            assert wrong_elements(a, b, product, draw) == 1

    def test_two_errors_that_cancel_in_a_sum_are_found(self, kind: type) -> None:
        draw, (a, b, product) = self.made(kind)
        product[3, 5] += 1
        product[3, 6] -= 1
        product[9, 5] -= 1
        assert wrong_elements(a, b, product, draw) == 3

    def test_of_very_many_at_least_one_in_each_row_is_counted(self, kind: type) -> None:
        draw, (a, b, product) = self.made(kind)
        assert wrong_elements(a, b, product + 1, draw) >= 96


def test_the_same_seed_multiplies_the_same() -> None:
    first, again, other = (Products("fp64", 1, seed)._product()[0].product for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def here(cache: int = 1024, free: int = 2**30) -> HostMachine:
    return HostMachine(model="x", cpus=(0,), cache=cache, cache_said="", memory=free)


def wrong_once(real: Callable[..., object]) -> Callable[..., None]:
    """*real*, whose first result has one wrong element."""
    called: list[int] = []

    def work(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        if not called:
            named.get("out", arguments[0])[7] += 1
        called.append(1)

    return work


class TestArrays:
    def test_none_fits_into_the_cache(self) -> None:
        with Workers((0,)) as workers:
            made = memory.Arrays(here(cache=32 * 1024**2), workers, 1000, 1)
        assert 8 * made.length == 4 * 32 * 1024**2

    def test_what_does_not_fit_into_memory_is_not_tried(self) -> None:
        with Workers((0,)) as workers, pytest.raises(Unavailable, match="free some memory"):
            memory.Arrays(here(cache=2**30), workers, 1000, 1)

    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_one_wrong_element_is_found(self, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        with Workers((0,)) as workers:
            copy, triad = memory.Arrays(here(), workers, 1, 1).drills()
            copy.time(turns)
            monkeypatch.setattr(numpy, "copyto", wrong_once(numpy.copyto))
            monkeypatch.setattr(numpy, "add", wrong_once(numpy.add))
            for drill in (copy, triad):
                assert drill.check is not None
                assert drill.check().wrong == 1
                assert drill.check().wrong == 0

    def test_a_part_may_end_anywhere(self) -> None:
        with Workers(tuple(range(3))) as workers:
            seen: list[slice] = []
            assert workers.run(10, seen.append) >= 0
        assert sorted((part.start, part.stop) for part in seen) == [(0, 3), (3, 6), (6, 10)]


class TestHost:
    def root(self, tmp_path: Path, **files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    def caches(self, tmp_path: Path, cpu: int, shared: str, size: str = "32768K") -> None:
        at = f"sys/devices/system/cpu/cpu{cpu}/cache"
        for index, (level, kind, width) in enumerate(
            (("1", "Data", "32K"), ("1", "Instruction", "64K"), ("3", "Unified", size))
        ):
            folder = tmp_path / at / f"index{index}"
            folder.mkdir(parents=True)
            for name, text in (("level", level), ("type", kind), ("size", width), ("shared_cpu_list", shared)):
                (folder / name).write_text(f"{text}\n")

    def test_caches_that_are_shared_count_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2})
        for cpu, shared in ((0, "0-1"), (1, "0-1"), (2, "2-3")):
            self.caches(tmp_path, cpu, shared)
        found = host(tmp_path)
        assert (found.cache, found.cache_said, found.cpus) == (2 * 32 * 1024**2, "", (0, 1, 2))

    def test_a_cache_of_unknown_size_is_said_so(self, tmp_path: Path) -> None:
        found = host(tmp_path)
        assert found.cache > 0
        assert "does not tell the size" in found.cache_said

    def test_memory_is_what_the_control_group_leaves(self, tmp_path: Path) -> None:
        root = self.root(tmp_path, proc__meminfo="MemTotal: 9 kB\nMemAvailable:   4096 kB\n")
        assert host(root).memory == 4096 * 1024
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "sys/fs/cgroup/memory.max").write_text("2097152\n")
        (root / "sys/fs/cgroup/memory.current").write_text("1048576\n")
        assert host(root).memory == 1048576
        (root / "sys/fs/cgroup/memory.max").write_text("max\n")
        assert host(root).memory == 4096 * 1024

    @pytest.mark.parametrize(
        ("text", "model"),
        [
            ("processor: 0\nmodel name\t: AMD EPYC  7763\n", "AMD EPYC 7763, "),
            ("processor: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", " 0x41 0xd0c, "),
        ],
    )
    def test_a_processor_is_called_what_the_kernel_calls_it(self, tmp_path: Path, text: str, model: str) -> None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text(text)
        assert model in host(tmp_path).model

    def test_clocks_heat_and_throttling_are_told_or_not(self, tmp_path: Path) -> None:
        assert (clock((0, 1), tmp_path), celsius(tmp_path), throttled((0, 1), tmp_path)) == (None, None, None)
        cpu = "sys__devices__system__cpu__cpu"
        root = self.root(
            tmp_path,
            **{
                f"{cpu}0__cpufreq__scaling_cur_freq": "3400000",
                f"{cpu}1__cpufreq__scaling_cur_freq": "2100000",
                f"{cpu}0__thermal_throttle__core_throttle_count": "2",
                f"{cpu}1__thermal_throttle__package_throttle_count": "3",
                "sys__class__thermal__thermal_zone0__temp": "61000",
            },
        )
        assert (clock((0, 1), root), celsius(root), throttled((0, 1), root)) == (2100, 61, 5)
        assert clock((0, 1, 2), root) is None  # of one of them nothing is known, and it may be the slowest
