"""A fake of NVIDIA's driver library, built from C, that the real binding loads in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_SOURCE = Path(__file__).parent / "nvml.c"

H100 = {
    "name": "NVIDIA H100 80GB HBM3",
    "part": "900-2G520-0000-000",
    "vbios": "96.00.A5.00.01",
    "inforom": "G520.0200.00.05",
    "memory": 85520809984,
    "ecc": 1,
    "rows.corrected": 0,
    "rows.exhausted": 0,
    "sram.exceeded": 0,
    "unrepairable": 0,
    "repair.channel": 0,
    "temperature": 34,
    "slows-at": 87,
    "margin": 53,
    "reasons": 1,
    "reasons.told": 0x1FF,
    "power.drawn": 71000,
    "power.limit": 700000,
    "power.standard": 700000,
    "power.least": 200000,
    "power.most": 700000,
    "pcie.generation": 5,
    "pcie.slot": 5,
    "pcie.own": 5,
    "pcie.width": 16,
    "pcie.most-width": 16,
    "pcie.replays": 0,
    "nvlink.active": 1,
    "nvlink.version": 6,
    "nvlink.errors.0": 0,
    "nvlink.errors.1": 0,
    "nvlink.errors.2": 0,
    "fabric.state": 3,
    "fabric.mask": 0b10101010,
    "fabric.summary": 1,
    "mig": 0,
    "mig.most": 7,
    "persistence": 1,
    "compute-mode": 0,
    "events.told": 0x1F,
    "processes.compute": 0,
    "processes.graphics": 0,
    "field.82": 42,
    "field.91": 18,
    "field.179": 0,
    "field.180": 0,
    "field.230": 0,
    **{f"errors.all.{kind}.{span}": 0 for kind in (0, 1) for span in (0, 1)},
    **{f"errors.{place}.{kind}.{span}": 0 for place in (2, 7) for kind in (0, 1) for span in (0, 1)},
}
"""What a healthy H100 SXM answers; the numbers are those of nvml.h."""

T4 = {
    **{key: value for key, value in H100.items() if not key.startswith(("nvlink", "fabric", "mig", "rows", "sram", "field"))},
    "name": "Tesla T4",
    "vbios": "90.04.96.00.02",
    "inforom": "G183.0200.00.02",
    "memory": 16106127360,
    "pages.0": 0,
    "pages.1": 0,
    "pages.pending": 0,
    "power.limit": 70000,
    "power.standard": 70000,
    "power.least": 60000,
    "power.most": 70000,
    "pcie.generation": 3,
    "pcie.slot": 3,
    "pcie.own": 3,
    "field.230": 0,
}
"""What a healthy T4 answers: no links, no rows to remap, no temperature of the memory."""


@dataclass
class Driver:
    """A node with *count* devices that answer *device*, in *folder*, which becomes the root of the node's files.

    ``switches`` are NVLink switches on its bus, and ``running`` are the names of its processes, as the kernel cuts them.
    """

    folder: Path
    count: int = 1
    device: dict[str, object] = field(default_factory=lambda: dict(H100))
    node: dict[str, object] = field(
        default_factory=lambda: {
            "driver": "580.95.05",
            "cuda": 13000,
            "cc.capable": 1,
            "cc.on": 0,
            "cc.environment": 0,
            "cc.tools": 0,
        }
    )
    faults: list[str] = field(default_factory=list)
    switches: int = 0
    running: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=lambda: ["Linux version 6.8.0-45-generic"])

    @property
    def state(self) -> Path:
        return self.folder / "nvml.state"

    def uuid(self, index: int) -> str:
        return f"GPU-{index:08x}-0000-0000-0000-000000000000"

    def pci(self, index: int) -> str:
        return f"00000000:{0x3B + index:02X}:00.0"

    def write(self) -> None:
        """Write down what the driver answers from now on, and what the kernel lists and says."""
        lines = [f"{key}={value}" for key, value in {**self.node, "count": self.count}.items()]
        lines += [f"gpu.{key}={value}" for key, value in self.device.items()]
        for index in range(self.count):
            lines += [f"gpu{index}.uuid={self.uuid(index)}", f"gpu{index}.pci={self.pci(index)}"]
            lines += [f"gpu{index}.serial=16500{index:08}"]
        partial = self.state.with_suffix(".new")
        partial.write_text("\n".join([*lines, *self.faults]) + "\n")
        partial.replace(self.state)
        self._write_bus()
        records = [f"6,{number},{number * 1_000_000},-;{line}" for number, line in enumerate(self.log)]
        (self.folder / "dev").mkdir(exist_ok=True)
        (self.folder / "dev" / "kmsg").write_text("\n".join(records) + "\n")

    def _write_bus(self) -> None:
        bus = self.folder / "sys" / "bus" / "pci" / "devices"
        shutil.rmtree(bus, ignore_errors=True)
        for index in range(self.count):
            device = bus / self.pci(index).lower()
            device.mkdir(parents=True)
            (device / "vendor").write_text("0x10de\n")
            (device / "class").write_text("0x030200\n")
        for index in range(self.switches):
            device = bus / f"0000:{0xC1 + index:02x}:00.0"
            device.mkdir(parents=True)
            (device / "vendor").write_text("0x10de\n")
            (device / "class").write_text("0x068000\n")
        proc = self.folder / "proc"
        shutil.rmtree(proc, ignore_errors=True)
        for number, name in enumerate(("systemd", "kthreadd", *self.running), 1):
            (proc / str(number)).mkdir(parents=True)
            (proc / str(number) / "comm").write_text(f"{name}\n")
        bridge = bus / "0000:00:00.0"
        bridge.mkdir(parents=True)
        (bridge / "vendor").write_text("0x8086\n")
        (bridge / "class").write_text("0x060000\n")

    def environment(self, *, without: Iterable[str] = ()) -> dict[str, str]:
        """What a process needs in its environment to find this driver, *without* some symbols.

        An isolated collector gets variables that begin with ``NVIDIA_``, and may read the folders of libraries.
        """
        folder = library(tuple(sorted(without))).parent
        path = os.pathsep.join(filter(None, (str(folder), str(self.folder), os.environ.get("LD_LIBRARY_PATH", ""))))
        return {"LD_LIBRARY_PATH": path, "NVIDIA_FAKE_STATE": str(self.state)}


def library(without: tuple[str, ...] = ()) -> Path:
    """The path of a ``libnvidia-ml.so.1`` that exports everything but the symbols *without*; built once for each source."""
    source = _SOURCE.read_bytes()
    name = hashlib.sha256(source + "\n".join(without).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"arcops-fake-nvml-{os.getuid()}-{name}"
    built = folder / "libnvidia-ml.so.1"
    if built.exists():
        return built
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / "made.so"
        command = ["cc", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-Wl,-soname,libnvidia-ml.so.1"]
        if without:
            script = Path(scratch) / "symbols"
            script.write_text(f"{{ local: {' '.join(f'{symbol};' for symbol in without)} }};")
            command.append(f"-Wl,--version-script={script}")
        subprocess.run([*command, "-o", str(made), str(_SOURCE)], check=True)
        made.replace(built)
    return built
