"""A GPU on the host: a libcuda.so.1 that NVIDIA's real binding loads, with our kernels compiled for the host inside it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_KERNELS = _HERE.parents[2] / "tasks" / "gpu" / "bench" / "cuda" / "sources"
_COMPILER = shutil.which("c++") or "c++"
_FLAGS = ("-std=c++17", "-O1", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", f"-I{_HERE}")

_VARIANTS: dict[str, tuple[str, ...]] = {
    "fp16": ("tensor.cu", "KIND=FP16", "WIDE=256", "STAGES=3"),
    "bf16": ("tensor.cu", "KIND=BF16", "WIDE=256", "STAGES=3"),
    "tf32": ("tensor.cu", "KIND=TF32", "WIDE=256", "STAGES=3"),
    "fp8": ("tensor.cu", "KIND=FP8", "WIDE=128", "STAGES=3"),
    "fp32": ("single.cu",),
}
_TURING = ("tensor.cu", "KIND=FP16", "WIDE=128", "STAGES=2", "__CUDA_ARCH__=750")

MULTIPROCESSORS = 2
DEFAULT: dict[str, object] = {"idle": 1, "multiprocessors": MULTIPROCESSORS, "cache": 1 << 20}


@dataclass
class FakeGpu:
    """What the driver answers: *told* by key (see driver.cpp), and *faults*, lines that are written after it."""

    folder: Path
    told: dict[str, object] = field(default_factory=lambda: dict(DEFAULT))
    faults: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "cuda.state"

    def write(self) -> None:
        partial = self.state.with_suffix(".new")
        partial.write_text("\n".join([*(f"{key}={value}" for key, value in self.told.items()), *self.faults]) + "\n")
        partial.replace(self.state)

    def tell(self, *faults: str, **told: object) -> None:
        """From now on the driver also answers *told*, in addition to earlier answers, and has *faults*."""
        self.told.update(told)
        self.faults += faults
        self.write()

    def held(self) -> dict[str, int]:
        """How much was made and not released, by kind."""
        text = loaded().fake_held().decode()
        return {key: int(count) for key, count in (pair.split("=") for pair in text.split())}

    def book(self) -> list[str]:
        """What was launched and copied since the last call of this function."""
        lines: list[str] = loaded().fake_book().decode().splitlines()
        return lines


@cache
def loaded() -> ctypes.CDLL:
    """The library, in this process: from now on the loader takes it for every libcuda.so.1."""
    library = ctypes.CDLL(str(built()))
    for name in ("fake_held", "fake_book"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


def forget() -> None:
    """Remove everything that an earlier test left."""
    loaded().fake_forget()


def can_be_built() -> bool:
    return shutil.which(_COMPILER) is not None


def built(broken: tuple[str, str, str] = ("", "", "")) -> Path:
    """The path of the library; built once for each version of the sources.

    **broken* is the name of a kernel's source, a text in it, and the text that replaces it.
    """
    sources = {path.name: path.read_text() for folder in (_HERE, _KERNELS) for path in sorted(folder.glob("*.c*"))}
    sources |= {path.name: path.read_text() for path in sorted(_HERE.glob("*.h*"))}
    sources["machine.cuh"] = (_HERE / "machine.cuh").read_text()
    name, before, after = broken
    if name:
        if before not in sources[name]:
            raise AssertionError(f"{name} has no {before!r}")
        sources[name] = sources[name].replace(before, after)
    digest = hashlib.sha256("\0".join(f"{key}\0{text}" for key, text in sorted(sources.items())).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"arcops-fake-cuda-{os.getuid()}-{digest}"
    made = folder / "libcuda.so.1"
    if not made.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _build(Path(scratch), sources, made)
    return made


def cublaslt() -> Path:
    """The path of a ``libcublasLt.so.13`` that multiplies on the host."""
    source = _HERE / "cublaslt.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"arcops-fake-cublaslt-{os.getuid()}-{digest}"
    made = folder / "libcublasLt.so.13"
    if not made.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            library = Path(scratch) / "made.so"
            flags = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcublasLt.so.13")
            subprocess.run(["cc", *flags, "-o", str(library), str(source), "-lm"], check=True)  # noqa: S607  # the site's own
            library.replace(made)
    return made


def _build(scratch: Path, sources: dict[str, str], made: Path) -> None:
    units = {"plain": ("plain.cu",), "multiply_fp16_turing": _TURING}
    units |= {f"multiply_{name}": (source, *macros, "__CUDA_ARCH__=800") for name, (source, *macros) in _VARIANTS.items()}
    headers = "\0".join(text for name, text in sorted(sources.items()) if name.endswith(("h", "hpp")))
    objects, running = [], []

    def compile_(text: str, *macros: str) -> None:
        """An object, unless the same was made before."""
        key = hashlib.sha256("\0".join((headers, text, *macros)).encode()).hexdigest()[:24]
        kept = Path(tempfile.gettempdir()) / f"arcops-fake-cuda-{os.getuid()}-{key}.o"
        objects.append(kept)
        if not kept.exists():
            source, new = scratch / f"{key}.cpp", scratch / f"{key}.o"
            source.write_text(text)
            command = [_COMPILER, *_FLAGS, *(f"-D{macro}" for macro in macros), "-c", str(source), "-o", str(new)]
            running.append((subprocess.Popen(command), new, kept))

    for name, (source, *macros) in units.items():
        compile_(sources[source], *macros, *([f"multiply={name}"] if name != "plain" else []))
    for name in ("emulated.cpp", "kernels.cpp", "driver.cpp"):
        compile_(sources[name])
    for process, new, kept in running:
        if process.wait():
            raise AssertionError("the fake driver does not compile")
        new.replace(kept)
    library = scratch / "made.so"
    command = [_COMPILER, "-shared", "-Wl,-soname,libcuda.so.1", "-o", str(library), *map(str, objects), "-ldl"]
    subprocess.run(command, check=True)
    library.replace(made)
