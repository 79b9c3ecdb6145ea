"""The NVIDIA devices that the kernel lists on the PCI bus: GPUs, and the switches between them."""

from __future__ import annotations

from pathlib import Path

from arcops.seen.gpu import Count, Unread, Why
from tasks.gpu.kernel_signs import full_address

_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"
_SWITCH_CLASS = "0x0680"
"""A bridge of another kind, which is what NVLink switches call themselves."""

_DEVICES = "sys/bus/pci/devices"


def gpus_on_bus(root: Path) -> Count:
    """How many NVIDIA GPUs the kernel lists below *root*, without virtual functions and GPUs that virtual machines own."""
    return _counted(root, _DISPLAY_CLASS)


def switches_on_bus(root: Path) -> Count:
    """How many NVLink switches the kernel lists below *root*, without those that virtual machines own."""
    return _counted(root, _SWITCH_CLASS)


def nvidia_addresses(root: Path) -> frozenset[str] | None:
    """The addresses of every NVIDIA device on the bus, ``domain:bus:device.function``; ``None`` if it cannot be read."""
    try:
        return frozenset(full_address(entry.name) for entry in (root / _DEVICES).iterdir() if _vendor(entry) == _NVIDIA)
    except (OSError, ValueError):
        return None


def _counted(root: Path, kind: str) -> Count:
    try:
        return sum(_is(entry, kind) for entry in (root / _DEVICES).iterdir())
    except PermissionError:
        return Unread(why=Why.FORBIDDEN, said=f"no permission to read /{_DEVICES}")
    except OSError as error:
        return Unread(why=Why.FAILED, said=f"/{_DEVICES} cannot be read ({error.strerror})")


def _vendor(entry: Path) -> str:
    return (entry / "vendor").read_text().strip()


def _is(entry: Path, kind: str) -> bool:
    if _vendor(entry) != _NVIDIA or not (entry / "class").read_text().strip().startswith(kind):
        return False
    if (entry / "physfn").is_symlink():
        return False
    bound = entry / "driver"
    return not (bound.is_symlink() and bound.readlink().name == "vfio-pci")
