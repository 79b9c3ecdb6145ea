"""The faults (XIDs) that the NVIDIA driver wrote to the kernel's messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body


class LogSource(Enum):
    """Where the kernel's messages were read: its own buffer, which forgets the oldest, or the journal of this boot."""

    BUFFER = "kernel-buffer"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class XidLogged:
    """A fault in the kernel's messages: so many times, last ``seconds`` after boot."""

    pci: str
    xid: int
    count: int
    seconds: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLog(Body):
    """The faults (XIDs) that the driver wrote to the kernel's messages since boot.

    ``since_boot`` says that the messages reach back to the start; without it, older faults may have been forgotten. ``unclear``
    counts lines that tell of a fault in words that are not understood.
    """

    KIND: ClassVar[str] = "gpu-log"

    source: LogSource
    since_boot: bool
    xids: tuple[XidLogged, ...]
    unclear: int
