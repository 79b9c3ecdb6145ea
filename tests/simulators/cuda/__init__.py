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
_KERNELS = _HERE.parents[2] / "tasks" / "bench" / "cuda" / "sources"
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
        """From now on, *told* besides what was told before, and *faults*."""
        self.told.update(told)
        self.faults += faults
        self.write()

    def held(self) -> dict[str, int]:
        """How much is held that was not given back, by kind."""
        text = loaded().fake_held().decode()
        return {key: int(count) for key, count in (pair.split("=") for pair in text.split())}

    def book(self) -> list[str]:
        """What was launched and copied since the last time that this was asked."""
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
    """Everything that a test before this one left behind."""
    loaded().fake_forget()


def can_be_built() -> bool:
    return shutil.which(_COMPILER) is not None


def built(broken: tuple[str, str, str] = ("", "", "")) -> Path:
    """The path of the library; built once for each version of the sources.

    *broken* is the name of a kernel's source, what stands in it, and what shall stand there instead.
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


def _build(scratch: Path, sources: dict[str, str], made: Path) -> None:
    units = {"plain": ("plain.cu",), "multiply_fp16_turing": _TURING}
    units |= {f"multiply_{name}": (source, *macros, "__CUDA_ARCH__=800") for name, (source, *macros) in _VARIANTS.items()}
    running = []
    for name, (source, *macros) in units.items():
        text = scratch / f"{name}.cpp"
        text.write_text(sources[source])
        defined = [f"-D{macro}" for macro in (*macros, *([f"multiply={name}"] if name != "plain" else []))]
        running.append(subprocess.Popen([_COMPILER, *_FLAGS, *defined, "-c", str(text), "-o", str(scratch / f"{name}.o")]))
    for name in ("emulated", "kernels", "driver"):
        running.append(
            subprocess.Popen([_COMPILER, *_FLAGS, "-c", str(_HERE / f"{name}.cpp"), "-o", str(scratch / f"{name}.o")])
        )
    if any(one.wait() for one in running):
        raise AssertionError("the fake driver does not compile")
    library = scratch / "made.so"
    objects = [str(path) for path in sorted(scratch.glob("*.o"))]
    subprocess.run([_COMPILER, "-shared", "-Wl,-soname,libcuda.so.1", "-o", str(library), *objects, "-ldl"], check=True)
    library.replace(made)
