"""The NVLink switches of a node, and the program that must set them up before any GPU can be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body
from arcops.seen.gpu import Count, Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFabric(Body):
    """``switches`` counts the NVLink switches on the PCI bus, ``manager`` says if NVIDIA's fabric manager runs. It is not
    asked for, so unread, if there is no switch.
    """

    KIND: ClassVar[str] = "gpu-fabric"

    switches: Count
    manager: Flag
