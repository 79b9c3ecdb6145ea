"""The faults of GPUs (XIDs) and of NVLink switches (SXids) that NVIDIA's drivers wrote to the kernel's messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body


class LogSource(Enum):
    """The source of the kernel's messages: its own buffer, which drops the oldest, or the journal of this boot."""

    BUFFER = "kernel-buffer"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class XidLogged:
    """A fault in the kernel's messages: ``count`` times, last ``seconds`` after boot. ``fatal``: the message called it
    fatal.
    """

    pci: str
    xid: int
    fatal: bool
    count: int
    seconds: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SxidLogged:
    """A fault of an NVLink switch: ``count`` times, last ``seconds`` after boot. ``fatal``: the message called it fatal."""

    pci: str
    sxid: int
    fatal: bool
    count: int
    seconds: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLog(Body):
    """The faults that the drivers wrote to the kernel's messages since boot; fatal and other faults are counted separately.

    ``since_boot`` says that the messages reach back to the boot; without it, older faults may be missing. ``unclear`` counts
    lines that report a fault in a form that ArcOps cannot read.
    """

    KIND: ClassVar[str] = "gpu-log"

    source: LogSource
    since_boot: bool
    xids: tuple[XidLogged, ...]
    sxids: tuple[SxidLogged, ...]
    unclear: int
