"""The faults of GPUs (XIDs) and of NVLink switches (SXids) that NVIDIA's drivers wrote to the kernel's messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.left_out import LEFT_OUT


class LogSource(Enum):
    """The source of the kernel's messages: its own buffer, which drops the oldest, the journal of this boot, or both: the
    journal for what the buffer has dropped.
    """

    BUFFER = "kernel-buffer"
    JOURNAL = "journal"
    BOTH = "kernel-buffer and journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class XidLogged:
    """A fault in the kernel's messages: ``count`` times, last ``seconds`` after boot. ``fatal``: the message called it
    fatal; ``mild``: it called it not fatal.

    ``instance`` names the MIG instances that it is about (``GPU-I:05``); empty is the whole device. ``recovery`` is what the
    message says that the GPU now needs (XID 154). ``told``: only another XID's message names it, as its cause.
    """

    pci: str
    xid: int
    fatal: bool
    count: int
    seconds: int
    text: str
    instance: str = field(default="", metadata=LEFT_OUT)
    recovery: str = field(default="", metadata=LEFT_OUT)
    mild: bool = field(default=False, metadata=LEFT_OUT)
    told: bool = field(default=False, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SxidLogged:
    """A fault of an NVLink switch: ``count`` times, last ``seconds`` after boot. ``fatal``: the message called it fatal."""

    pci: str
    sxid: int
    fatal: bool
    count: int
    seconds: int
    text: str


class Sign(Enum):
    """A message that tells of a lost or broken device without a number."""

    FALLEN = "fallen off the bus"
    NOT_STARTED = "could not be initialised"
    UNPOWERED = "does not wake up"
    INFOROM = "corrupted InfoROM"
    PCIE = "fatal PCIe error"
    FIRMWARE = "no heartbeat of its system processor"
    STUCK = "locked up, and needs a reset"
    MEMORY_MANAGER = "fatal error of unified memory, which needs a restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignLogged:
    """Such a message: ``count`` times, last ``seconds`` after boot. ``pci`` is empty if the message names no device."""

    pci: str
    sign: Sign
    count: int
    seconds: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLog(Body):
    """The faults that the drivers wrote to the kernel's messages since boot; fatal and other faults are counted separately.

    ``since_boot`` says that the messages reach back to the boot; without it, older faults may be missing. ``unclear`` counts
    lines that report a fault in a form that ArcOps cannot read. ``signs`` are faults without a number. ``gone`` are the GPUs
    that the kernel found at boot and that are not on the PCI bus any more.
    """

    KIND: ClassVar[str] = "gpu-log"

    source: LogSource
    since_boot: bool
    xids: tuple[XidLogged, ...]
    sxids: tuple[SxidLogged, ...]
    unclear: int
    signs: tuple[SignLogged, ...] = field(default=(), metadata=LEFT_OUT)
    gone: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
