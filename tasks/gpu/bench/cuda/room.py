"""A device's context, and everything that was made in it: memory, streams, events, kernels. Nothing here can wait for ever."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tasks.gpu.bench.cuda.compiler import Architecture, Compiler
from tasks.gpu.bench.cuda.driver import Cuda, CudaError

SECONDS_TO_WAIT = 60.0
"""No load that is waited for takes this long; one that does hangs."""

_SHORTEST, _LONGEST = 0.00005, 0.005


class Room:
    """The primary context of the device *index*. Raises `CudaError` where the driver gives none.

    ``lost`` says why nothing more is asked of the device: freeing memory, or destroying a context, waits for whatever runs on
    it, so after a load that did not end all is left to the end of the process, which the driver clears away.
    """

    def __init__(self, cuda: Cuda, index: int, compiler: Compiler) -> None:
        self.cuda = cuda
        self.handle = cuda.call("cuDeviceGet", index)
        self.capability = 10 * self.attribute("COMPUTE_CAPABILITY_MAJOR") + self.attribute("COMPUTE_CAPABILITY_MINOR")
        self.compiler = compiler
        self.lost = ""
        self._made: list[Callable[[], object]] = []
        self._modules: list[Any] = []
        self._busy = False
        self._kernels: dict[str, Any] = {}
        self.context = cuda.call("cuDevicePrimaryCtxRetain", self.handle)
        self._open = True
        with self._closing_on_error():
            self.enter()
            self.stream, self.other = (self._keep("cuStreamCreate", "cuStreamDestroy", 1) for _ in range(2))
            self._mark, self._end = self.event(), self.event()

    @property
    def architecture(self) -> Architecture:
        return self.compiler.architecture(self.capability)

    def attribute(self, name: str) -> int:
        return self.cuda.attribute(self.handle, name)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Work on the device; whatever is made meanwhile is given back at the end. Raises `CudaError`."""
        if self.lost:
            raise CudaError(self.lost, "CUDA_ERROR_UNKNOWN")
        kept = len(self._made)
        try:
            self.enter()
            yield
        finally:
            self._give_back(kept)

    def enter(self) -> None:
        """Make this device's context the one that calls are about."""
        self.ask("cuCtxSetCurrent", self.context)

    def begin(self) -> None:
        """Something is about to be started here, and will be waited for."""
        self._busy = True

    def keep(self, drop: Callable[[], object]) -> None:
        """*drop* gives back something that was made; it is called with the rest, or never where the device is lost."""
        self._made.append(drop)

    def free(self) -> int:
        """How many bytes of the device's memory are free."""
        return int(self.ask("cuMemGetInfo")[0])

    def memory(self, size: int) -> int:
        """The address of *size* bytes on the device."""
        return int(self._keep("cuMemAlloc", "cuMemFree", size))

    def pinned(self, size: int) -> int:
        """The address of *size* bytes of the host that the device reads and writes by itself."""
        return int(self._keep("cuMemHostAlloc", "cuMemFreeHost", size, 1))  # 1: pinned for every context

    def event(self) -> Any:
        return self._keep("cuEventCreate", "cuEventDestroy", 0)

    def ask(self, name: str, *arguments: object) -> Any:
        """As `Cuda.call`; an error that is not about the question itself means that the device is lost."""
        try:
            return self.cuda.call(name, *arguments)
        except CudaError as error:
            if error.name != "CUDA_ERROR_OUT_OF_MEMORY":
                self.lost = str(error)
            raise

    def record(self, event: object, stream: object | None = None) -> None:
        self._busy = True
        self.ask("cuEventRecord", event, self.stream if stream is None else stream)

    def follow(self, stream: object, other: object) -> None:
        """What is started on *stream* from now on waits for what was started on *other*."""
        self.record(self._mark, other)
        self.ask("cuStreamWaitEvent", stream, self._mark, 0)

    def wait(self, event: object) -> None:
        """Until *event* has come. It is asked for, and never waited for in the driver, where a hung load would keep us."""
        end, pause = time.monotonic() + SECONDS_TO_WAIT, _SHORTEST
        not_ready = "CUDA_ERROR_NOT_READY"
        while True:
            try:
                self.cuda.call("cuEventQuery", event)
                return
            except CudaError as error:
                if error.name != not_ready:
                    self.lost = str(error)
                    raise
            if time.monotonic() > end:
                self.lost = (
                    f"what was started on the GPU had not ended after {SECONDS_TO_WAIT:g} s; see 'arcops gpu check' for XIDs"
                )
                raise CudaError(self.lost, "CUDA_ERROR_LAUNCH_TIMEOUT")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def elapsed(self, since: object, until: object) -> float:
        """Nanoseconds between two events that have come, told to half a microsecond."""
        return float(self.ask("cuEventElapsedTime", since, until)) * 1e6

    def settle(self) -> None:
        """Until nothing that was started here runs any more."""
        for stream in (self.stream, self.other):
            self.ask("cuEventRecord", self._end, stream)
            self.wait(self._end)
        self._busy = False

    def kernel(self, source: str, name: str, *, shared: int = 0, **given: str | int) -> Callable[..., None]:
        """A function that starts the kernel *name* of the file *source*, compiled with the macros *given*.

        It takes the grid, the block, and the arguments as ctypes values. *shared* are bytes of shared memory.
        """
        function = self._kernels.get(name)
        if function is None:
            architecture = self.architecture
            compiled = self.compiler.compile(source, architecture.option, given)
            module = self.ask("cuModuleLoadData", compiled.image)
            self._modules.append(module)  # it stays until the context goes
            function = self._kernels[name] = self.ask("cuModuleGetFunction", module, name.encode())
            if shared:
                most = self.cuda.value("CUfunction_attribute", "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES")
                self.ask("cuFuncSetAttribute", function, most, shared)

        def start(grid: tuple[int, int], block: int, *arguments: Any) -> None:
            packed = (tuple(one.value for one in arguments), tuple(type(one) for one in arguments))
            self._busy = True
            self.ask("cuLaunchKernel", function, *grid, 1, block, 1, 1, shared, self.stream, packed, 0)

        return start

    def to_device(self, to: int, start: int, size: int, stream: object | None = None) -> None:
        self._busy = True
        self.ask("cuMemcpyHtoDAsync", to, start, size, self.stream if stream is None else stream)

    def from_device(self, to: int, start: int, size: int, stream: object | None = None) -> None:
        self._busy = True
        self.ask("cuMemcpyDtoHAsync", to, start, size, self.stream if stream is None else stream)

    def to_peer(self, to: int, there: Room, start: int, here: Room, size: int, stream: object) -> None:
        self._busy = True
        self.ask("cuMemcpyPeerAsync", to, there.context, start, here.context, size, stream)

    def zero(self, at: int, size: int) -> None:
        self._busy = True
        self.ask("cuMemsetD8Async", at, 0, size, self.stream)

    def fetched(self, start: int, size: int) -> bytes:
        """*size* bytes of the device from *start*."""
        held = (ctypes.c_char * size)()
        self.from_device(ctypes.addressof(held), start, size)
        self.settle()
        return held.raw

    def close(self) -> None:
        """Give everything back. Never raises, and never waits for a load that hangs."""
        if not self._open:
            return
        self._open = False
        self._give_back(0)
        if not self.lost:
            try:
                for module in self._modules:
                    self.cuda.call("cuModuleUnload", module)
                self.cuda.call("cuDevicePrimaryCtxRelease", self.handle)
            except CudaError as error:
                self.lost = str(error)

    def _enter(self) -> None:
        self.ask("cuCtxSetCurrent", self.context)

    def _keep(self, make: str, drop: str, *arguments: object) -> Any:
        made = self.ask(make, *arguments)
        self.keep(lambda: self.ask(drop, made))
        return made

    def _give_back(self, kept: int) -> None:
        if self.lost:
            return
        try:
            self.enter()
            if self._busy:
                self.settle()
            while len(self._made) > kept:
                self._made.pop()()
        except CudaError as error:
            self.lost = str(error)

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


def words(*values: int) -> Sequence[ctypes.c_uint32]:
    """*values* as a kernel takes them."""
    return [ctypes.c_uint32(value) for value in values]


def long(value: int) -> ctypes.c_uint64:
    """An address, or a count."""
    return ctypes.c_uint64(value)
