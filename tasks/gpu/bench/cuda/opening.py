"""Opens the GPUs as devices of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from arcops.errors import Refused
from arcops.exercise import Exercise
from arcops.seen.benchmark import Machine, Moment
from tasks.gpu.bench.cuda.bandwidth import Bandwidth, buffer_size
from tasks.gpu.bench.cuda.compiler import Compiler
from tasks.gpu.bench.cuda.cublaslt import CublasLt
from tasks.gpu.bench.cuda.driver import Cuda, started
from tasks.gpu.bench.cuda.filling import canary
from tasks.gpu.bench.cuda.multiply import Engine, Multiplications, OwnKernels
from tasks.gpu.bench.cuda.peers import Pair
from tasks.gpu.bench.cuda.room import Room
from tasks.gpu.bench.cuda.sustain import Sensors, kept_up
from tasks.gpu.bench.cuda.transfers import Transfers, transfer_size
from tasks.gpu.bench.drills import Device, Drill

_MOST_DEVICES = 64


class CudaGpu:
    """One GPU, or one part of a divided one."""

    def __init__(self, cuda: Cuda, index: int, compiler: Compiler, exercise: Exercise) -> None:
        self.room = Room(cuda, index, compiler)
        self._exercise = exercise
        self._library: CublasLt | None = None
        try:
            self._open(cuda, compiler)
        except BaseException:
            self.close()
            raise

    def _open(self, cuda: Cuda, compiler: Compiler) -> None:
        room = self.room
        chosen = room.architecture
        with suppress(Refused):  # then our own kernels multiply, and the description of the software says so
            self._library = CublasLt(room)
        engines: list[Engine] = [*([self._library] if self._library else []), OwnKernels(room)]
        self.matrices = Multiplications(room, engines, self._exercise.size, self._exercise.seed)
        self._sensors = Sensors(_uuid(cuda, room.handle))
        version = int(cuda.call("cuDriverGetVersion"))
        self.machine = Machine(
            device=self._sensors.name,
            model=cuda.call("cuDeviceGetName", 128, room.handle).split(b"\0")[0].decode(errors="replace"),
            software=(
                f"driver {self._sensors.driver or 'unknown'}; CUDA {version // 1000}.{version % 1000 // 10}; "
                f"NVRTC {compiler.version} for {chosen.option}; matrices by {engines[0].name}"
            ),
        )

    def drills(self) -> Sequence[Drill]:
        room, exercise = self.room, self._exercise
        with room.work():
            return (
                *Bandwidth(room, buffer_size(room, exercise.size), exercise.seed).drills(),
                *Transfers(room, transfer_size(room, exercise.size), exercise.seed).drills(),
                *self.matrices.drills(),
            )

    def canary(self) -> Drill:
        return canary(self.room)

    def sustain(self, microseconds: int) -> Iterator[Moment]:
        return kept_up(self.room, self.matrices, self._sensors, microseconds)

    def close(self) -> None:
        if self._library is not None:
            self._library.close()
        self.room.close()


def opened(exercise: Exercise) -> Sequence[Device]:
    """As `tasks.gpu.bench.cuda.gpus`."""
    cuda, compiler = started(), Compiler()
    count = min(int(cuda.call("cuDeviceGetCount")), _MOST_DEVICES)
    made: list[CudaGpu] = []
    try:
        for index in range(count):
            made.append(CudaGpu(cuda, index, compiler, exercise))
        pairs = [Pair(one, other, exercise) for number, one in enumerate(made) for other in made[number + 1 :]]
    except BaseException:
        for gpu in made:
            gpu.close()
        raise
    return (*made, *pairs)


def _uuid(cuda: Cuda, handle: object) -> str:
    digits = bytes(cuda.call("cuDeviceGetUuid", handle).bytes).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
