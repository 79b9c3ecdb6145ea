"""The faults of GPUs (XIDs) and of NVLink switches (SXids) that NVIDIA's drivers wrote to the kernel's messages."""

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
    """A fault in the kernel's messages: so many times, last ``seconds`` after boot. ``fatal``: the message called it so."""

    pci: str
    xid: int
    fatal: bool
    count: int
    seconds: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SxidLogged:
    """A fault of an NVLink switch: so many times, last ``seconds`` after boot. ``fatal``: the message called it so."""

    pci: str
    sxid: int
    fatal: bool
    count: int
    seconds: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLog(Body):
    """The faults that the drivers wrote to the kernel's messages since boot; what is fatal and what is not is counted apart.

    ``since_boot`` says that the messages reach back to the start; without it, older faults may have been forgotten. ``unclear``
    counts lines that tell of a fault in words that are not understood.
    """

    KIND: ClassVar[str] = "gpu-log"

    source: LogSource
    since_boot: bool
    xids: tuple[XidLogged, ...]
    sxids: tuple[SxidLogged, ...]
    unclear: int
