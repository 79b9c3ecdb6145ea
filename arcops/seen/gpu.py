"""What the GPUs of a node and their driver reported about themselves.

Every signal is a value or an `Unread` with the reason. No number stands for "not available", and code must check which of the
two a signal is before it compares it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from arcops.errors import Refused
from arcops.evidence import Body
from arcops.left_out import LEFT_OUT


class Why(Enum):
    """Why a signal could not be read. ``BLANK``: the driver answered with a pattern that means "no value"."""

    UNSUPPORTED = "not-supported"
    FORBIDDEN = "not-permitted"
    LOST = "lost"
    TIMED_OUT = "timed-out"
    NO_SYMBOL = "symbol-missing"
    BLANK = "blank"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A signal that is not known. ``said`` names the call and what it answered."""

    why: Why
    said: str


Text = str | Unread
Count = int | Unread
Flag = bool | Unread
Names = tuple[str, ...] | Unread


class DriverState(Enum):
    """The result of the first call to the driver's library."""

    ANSWERS = "answers"
    NO_BINDING = "no-binding"
    NO_LIBRARY = "no-library"
    NOT_LOADED = "not-loaded"
    FORBIDDEN = "not-permitted"
    MISMATCHED = "mismatched"
    HANGS = "hangs"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidential:
    """Confidential computing, for the whole node. ``environment`` is ``production``, ``simulation`` or ``unavailable``."""

    capable: Flag
    on: Flag
    environment: Text
    debuggable: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDriver(Body):
    """The driver, or what was found instead of it.

    ``cuda`` is the newest CUDA that it supports, as a thousand times major plus ten times minor. ``on_bus`` counts the NVIDIA
    GPUs on the PCI bus that are not assigned to virtual machines, as the kernel lists them; ``devices`` is what the driver
    counts.
    """

    KIND: ClassVar[str] = "gpu-driver"

    state: DriverState
    said: str
    version: Text
    cuda: Count
    devices: Count
    on_bus: Count
    confidential: Confidential


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which device this is. ``pci`` is ``domain:bus:device.function`` in lower-case hex, the domain with eight digits."""

    name: Text
    uuid: Text
    serial: Text
    part: Text
    pci: Text
    vbios: Text
    inforom: Text
    inforom_intact: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class EccErrors:
    """Errors of one location (``dram``, ``sram``, ``l2`` …) since the driver was loaded, and over the device's life."""

    location: str
    corrected: Count
    uncorrected: Count
    corrected_ever: Count
    uncorrected_ever: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Memory rows that were replaced by spare ones. ``exhausted_banks`` have no spare row left."""

    corrected: Count
    uncorrected: Count
    pending: Flag
    failed: Flag
    exhausted_banks: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Memory pages that were retired, in older devices that have no spare rows."""

    corrected: Count
    uncorrected: Count
    pending: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """Device memory. ``total`` is in bytes. ``sram_worn`` says that SRAM errors passed the vendor's own threshold."""

    total: Count
    ecc: Flag
    ecc_after_reset: Flag
    errors: tuple[EccErrors, ...]
    rows: Rows
    pages: Pages
    sram_worn: Flag
    unrepairable: Flag
    channel_repair_pending: Flag
    tpc_repair_pending: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """Degrees Celsius. ``margin`` is how far the GPU is below the point where it slows itself down."""

    gpu: Count
    memory: Count
    slows_at: Count
    margin: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Why clocks are lower than they could be, over all samples; ``tells`` are the reasons that the device can report."""

    reasons: Names
    tells: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Milliwatts. ``limit`` is what is enforced now, ``standard`` the device's own, ``least`` and ``most`` what may be set."""

    drawn: Count
    limit: Count
    standard: Count
    least: Count
    most: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcie:
    """The link to the host. ``slot_generation`` is what device and slot reach together, ``own_generation`` the device alone."""

    generation: Count
    slot_generation: Count
    own_generation: Count
    width: Count
    most_width: Count
    replays: Count
    fatal: Count
    non_fatal: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkErrors:
    name: str
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class NvLink:
    """One NVLink. ``generation`` is ten times the version: 40 is NVLink 4.0."""

    number: int
    active: Flag
    generation: Count
    errors: tuple[LinkErrors, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """The NVLink fabric of a node with switches. ``ills`` are the parts of its health that are bad; empty is healthy."""

    state: Text
    status: Count
    ills: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class MigInstance:
    uuid: Text
    memory: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Mig:
    """Multi-instance GPU: ``most`` is how many instances may exist."""

    on: Flag
    on_after_reset: Flag
    most: Count
    instances: tuple[MigInstance, ...] | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One device, whether it still answers or not. ``same`` says that the UUID is the one that was reported before.

    ``states`` are the performance states in which it was seen (0 is the fastest, 15 the slowest), ``busy`` the greatest percent
    of time in which it worked, as one figure; both are empty if it does not report them.
    """

    index: int
    identity: Identity
    memory: DeviceMemory
    recovery: Text
    heat: Heat
    clocks: Clocks
    power: Power
    pcie: Pcie
    nvlinks: tuple[NvLink, ...] | Unread
    fabric: Fabric
    mig: Mig
    persistence: Flag
    compute_mode: Text
    processes: Count
    same: Flag
    states: tuple[int, ...] = field(default=(), metadata=LEFT_OUT)
    busy: tuple[int, ...] = field(default=(), metadata=LEFT_OUT)


class FaultKind(Enum):
    """The kind of fault that the driver reported; only ``XID`` has a number of its own."""

    XID = "xid"
    DOUBLE_BIT = "double-bit-ecc-error"
    POISON = "fatal-poison-error"
    RETIREMENT = "failed-memory-retirement"
    UNAVAILABLE = "gpu-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEvent:
    """A fault that the driver reported while the collector watched. ``pci`` is unread if the device was already gone;
    ``xid`` is 0 for every other kind.
    """

    pci: Text
    kind: FaultKind
    xid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus(Body):
    """Every GPU of the node, at least one: if there is no GPU, this evidence is missing.

    ``devices`` is what they reported first, and ``later`` what they reported at the end, in the same order, for faults that
    appear meanwhile. ``events`` are the faults that the driver reported between the two, ``watched`` is whether it could have
    reported an XID of every device.
    """

    KIND: ClassVar[str] = "gpus"

    devices: tuple[Gpu, ...]
    later: tuple[Gpu, ...]
    events: tuple[FaultEvent, ...]
    watched: Flag

    def __post_init__(self) -> None:
        if not self.devices:
            raise Refused("no GPU was read, so there is no evidence of GPUs")
        if [device.index for device in self.later] != [device.index for device in self.devices]:
            raise Refused("the GPUs that were read at the end are not the GPUs that were read at the beginning")

    @property
    def names_subject(self) -> str:
        """SHA-256 over the UUIDs, sorted, one line each; empty if one could not be read."""
        uuids = [device.identity.uuid for device in self.devices]
        known = sorted(uuid for uuid in uuids if not isinstance(uuid, Unread))
        if len(known) != len(uuids):
            return ""
        return hashlib.sha256("".join(f"{uuid}\n" for uuid in known).encode()).hexdigest()
