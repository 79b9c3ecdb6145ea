"""Compiles our kernels with NVIDIA's runtime compiler (NVRTC) for this machine's device; compiling needs no GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, ClassVar

from arcops.errors import Broken, Refused
from tasks.gpu.bench.cuda.driver import bound

_HEADER = "machine.cuh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """``image`` is what the driver loads: a cubin, or PTX if the device is newer than the compiler. ``said`` is its log."""

    image: bytes
    ptx: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A compute capability (ten times the version), and the compiler's option for it."""

    capability: int
    option: str
    binary: bool


class Compiler:
    """NVRTC. Raises `Refused` if it is not installed. A compiled image is kept for the next device of its kind."""

    _made: ClassVar[dict[tuple[object, ...], Compiled]] = {}

    def __init__(self) -> None:
        self._nvrtc = bound("cuda.bindings.nvrtc")
        try:
            self.version = ".".join(str(part) for part in self._ask("nvrtcVersion"))
        except RuntimeError as error:
            raise Refused(
                "NVIDIA's compiler libnvrtc cannot be loaded; install nvidia-cuda-nvrtc: pip install 'arcops[gpu]'"
            ) from error

    def architecture(self, capability: int) -> Architecture:
        """For a device of *capability*. Raises `Refused` if it is older than all that the compiler supports."""
        known = sorted(self._ask("nvrtcGetSupportedArchs"))
        if capability in known:
            return Architecture(capability=capability, option=f"sm_{capability}", binary=True)
        older = [one for one in known if one < capability]
        if not older:
            raise Refused(
                f"this GPU has compute capability {capability / 10}; NVRTC {self.version} supports {known[0] / 10} and newer"
            )
        return Architecture(capability=capability, option=f"compute_{older[-1]}", binary=False)

    def compile(self, source: str, option: str, given: Mapping[str, str | int], *, more: Sequence[str] = ()) -> Compiled:
        """The kernels in the file *source* for the architecture *option* (``sm_90``), with the macros *given*."""
        key = (source, option, *sorted(given.items()), *more)
        if key not in self._made:
            self._made[key] = self._compile(source, option, given, more)
        return self._made[key]

    def _compile(self, source: str, option: str, given: Mapping[str, str | int], more: Sequence[str]) -> Compiled:
        options = [f"--gpu-architecture={option}", "--std=c++17", *(f"-D{key}={value}" for key, value in given.items()), *more]
        program = self._ask("nvrtcCreateProgram", _text(source), source.encode(), 1, [_text(_HEADER)], [_HEADER.encode()])
        try:
            code = self._nvrtc.nvrtcCompileProgram(program, len(options), [one.encode() for one in options])[0]
            said = self._bytes("ProgramLog", program).rstrip(b"\0").decode(errors="replace")
            if int(code):
                raise Broken(f"{source} does not compile for {option}: {said.strip() or code}")
            ptx = self._bytes("PTX", program)
            image = self._bytes("CUBIN", program) if option.startswith("sm_") else ptx
        finally:
            self._ask("nvrtcDestroyProgram", program)
        return Compiled(image=image, ptx=ptx.rstrip(b"\0").decode(), said=said)

    def _bytes(self, what: str, program: object) -> bytes:
        """The binding fills the bytes that it is given."""
        room = bytes(int(self._ask(f"nvrtcGet{what}Size", program)))
        self._ask(f"nvrtcGet{what}", program, room)
        return room

    def _ask(self, name: str, *arguments: object) -> Any:
        code, *values = getattr(self._nvrtc, name)(*arguments)
        if int(code):
            raise Broken(f"{name} answered {code!r}")
        return values[0] if len(values) == 1 else tuple(values)


@cache
def _text(name: str) -> bytes:
    return resources.files("tasks.gpu.bench.cuda").joinpath("sources", name).read_bytes()
