"""A device's context, and everything that was made in it: memory, streams, events, kernels. No call here can block for ever."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tasks.gpu.bench.cuda.compiler import Architecture, Compiler
from tasks.gpu.bench.cuda.driver import Cuda, CudaError

SECONDS_TO_WAIT = 60.0
"""A load that takes longer than this hangs."""

_SHORTEST, _LONGEST = 0.00005, 0.005


class Room:
    """The primary context of the device *index*. Raises `CudaError` if the driver gives no context.

    ``lost`` says why the device is not used any more. Freeing memory or destroying a context waits for the running load, so
    after a load that did not end, nothing is freed; the driver frees it all when the process ends.
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
        """Work on the device; everything that is made meanwhile is released at the end. Raises `CudaError`."""
        if self.lost:
            raise CudaError(self.lost, "CUDA_ERROR_UNKNOWN")
        kept = len(self._made)
        try:
            self.enter()
            yield
        finally:
            self._give_back(kept)

    def enter(self) -> None:
        """Make this device's context the current one."""
        self.ask("cuCtxSetCurrent", self.context)

    def begin(self) -> None:
        """Say that a load is about to be started here, and will be waited for."""
        self._busy = True

    def keep(self, drop: Callable[[], object]) -> None:
        """*drop* releases something that was made; it is called with the rest, or never if the device is lost."""
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
        """Like `Cuda.call`; an error that is not about the call itself means that the device is lost."""
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
        """Work that is started on *stream* from now on waits for the work that was started on *other*."""
        self.record(self._mark, other)
        self.ask("cuStreamWaitEvent", stream, self._mark, 0)

    def wait(self, event: object) -> None:
        """Wait until *event* has come, by asking again and again: a wait inside the driver would not end after a hung load."""
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
                self.lost = f"a load on the GPU had not ended after {SECONDS_TO_WAIT:g} s; see 'arcops gpu check' for XIDs"
                raise CudaError(self.lost, "CUDA_ERROR_LAUNCH_TIMEOUT")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def elapsed(self, since: object, until: object) -> float:
        """Nanoseconds between two events that have come, with a resolution of half a microsecond."""
        return float(self.ask("cuEventElapsedTime", since, until)) * 1e6

    def settle(self) -> None:
        """Wait until everything that was started here has ended."""
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
            self._modules.append(module)  # it stays until the context is destroyed
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
        """Release everything. Never raises, and never waits for a load that hangs."""
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
