"""Are there NVLink switches on this node, and does their fabric manager run?

GPUs behind switches cannot be used before the fabric manager has set the switches up: CUDA fails with error 802 (system not
ready). GPUs before Hopper do not tell it themselves.
"""

from __future__ import annotations

from pathlib import Path

from arcops.collector import collector
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.gpu import Flag, Unread, Why
from arcops.seen.gpu_fabric import GpuFabric
from tasks.gpu.gpu_driver import refuse_other
from tasks.gpu.pci_bus import switches_on_bus

_MANAGER = "nv-fabricmanager"[:15]
"""The kernel keeps 15 characters of a program's name."""
_KERNEL_THREADS = "kthreadd"
"""Process 2, if all processes of the machine can be seen; in a container with processes of its own it is another one."""


@collector("gpu-fabric", GpuFabric, version="1")
def fabric(request: Request, seen: Seen) -> Sighting[GpuFabric]:
    """The switches and their manager. Raises `Refused` if the subject has no GPUs."""
    refuse_other(request)
    switches = switches_on_bus(request.target)
    manager: Flag = Unread(why=Why.UNSUPPORTED, said="there is no switch to manage")
    if isinstance(switches, Unread) or switches:
        manager = _manager(request.target / "proc")
    return Sighting(body=GpuFabric(switches=switches, manager=manager))


def _manager(proc: Path) -> Flag:
    try:
        names = {entry.name: _name(entry) for entry in proc.iterdir() if entry.name.isdecimal()}
    except OSError as error:
        return Unread(why=Why.FAILED, said=f"/proc cannot be read ({error.strerror})")
    if _MANAGER in names.values():
        return True
    if names.get("2") != _KERNEL_THREADS:
        return Unread(why=Why.FORBIDDEN, said="the processes of the machine cannot be seen from here")
    return False


def _name(entry: Path) -> str:
    try:
        return (entry / "comm").read_text(errors="replace").strip()
    except OSError:  # it has ended meanwhile
        return ""
