"""What a policy decides for the gate ``gpu-health``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcops.errors import Refused
from arcops.seen.gpu_profile import Profile
from gates.breach import Weight
from gates.gpu.versions import firmware


class Signal(Enum):
    """Signals that some older drivers do not report, so that a policy may make them optional."""

    SERIAL = "serial"
    PART_NUMBER = "part-number"
    INFOROM = "inforom"
    SRAM_THRESHOLD = "sram-threshold"
    UNREPAIRABLE = "unrepairable-memory"
    REPAIRS = "pending-repairs"
    RECOVERY = "recovery-action"
    SPARE_ROWS = "spare-rows"
    REMAPPED_ROWS = "remapped-rows"
    MEMORY_HEAT = "memory-temperature"
    PCIE_ERRORS = "pcie-errors"
    POWER_RANGE = "power-range"


class MigMode(Enum):
    """Should devices be divided (multi-instance GPU)?"""

    ON = "on"
    OFF = "off"
    ANY = "any"


class NvLinks(Enum):
    """Which NVLinks must be up: all that a kind can have, all except those by bridges, or none. Links that are up are
    judged.
    """

    ALL = "all"
    BUILT_IN = "built-in"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """What the policy needs of the devices of one SKU: at least this VBIOS, and one of these InfoROMs. Empty requires
    nothing.
    """

    sku: str
    least_vbios: str = ""
    inforoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The slots that a site has for the devices of one SKU: how wide, and of which PCIe generation; 0 declares nothing."""

    sku: str
    width: int = 0
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHealthPolicy:
    """What a healthy GPU is.

    ``profiles`` add to the capability profiles that ship with ArcOps, and override them. ``optional`` signals may be unread;
    ``optional_in_mig`` as well while a device is divided (MIG), because drivers report less then.

    Memory: ``least_memory_percent`` of the profile's size. Errors since the driver was loaded that were not corrected always
    fail. Those over the device's life warn, and fail if more than ``most_uncorrected_ever``. More than ``most_corrected`` since
    loading warn, and so do more than ``most_remapped_rows`` rows. More than ``most_retired_pages`` fail.

    Strain: ``slow_fails`` and ``slow_warns`` are reasons for lower clocks; a reason in none of these nor in ``slow_passes``
    fails. ``slow_must_tell`` are reasons that the device must be able to report. Degrees Celsius: a margin to slowing down
    below ``least_margin`` fails, below ``spare_margin`` warns; a memory hotter than ``most_memory_heat`` fails. A power limit
    below ``least_power_percent`` of the device's standard limit fails.

    Links: ``slots`` declare the site's slots: what is less fails. ``narrow_slot`` is for a slot that is narrower or older than
    the device and not declared, ``slow_at_idle`` for a link that is slow while the
    device is idle, so that its full speed is not seen. More than ``most_replays`` of PCIe and more than ``most_link_errors`` of
    an NVLink warn. ``nvlinks`` must be up, and ``fabric`` wants the fabric of the kinds that have one.

    Modes: ``persistence`` says how grave it is that the mode is off, ``processes`` how grave it is that processes use a device.
    A compute mode that is not among ``compute_modes`` fails.
    """

    profiles: tuple[Profile, ...] = ()
    optional: tuple[Signal, ...] = ()
    optional_in_mig: tuple[Signal, ...] = ()
    least_memory_percent: int = 95
    most_uncorrected_ever: int = 0
    most_corrected: int = 0
    most_remapped_rows: int = 0
    most_retired_pages: int = 0
    slow_fails: tuple[str, ...] = (
        "hardware-slowdown",
        "hardware-thermal-slowdown",
        "hardware-power-brake",
        "software-thermal-slowdown",
        "reliability",
        "board-limit",
    )
    slow_warns: tuple[str, ...] = ("software-power-cap",)
    slow_passes: tuple[str, ...] = ("gpu-idle", "applications-clocks-setting", "sync-boost", "display-clock-setting")
    slow_must_tell: tuple[str, ...] = ("hardware-slowdown", "hardware-thermal-slowdown", "software-thermal-slowdown")
    least_margin: int = 5
    spare_margin: int = 10
    most_memory_heat: int = 95
    least_power_percent: int = 100
    slots: tuple[Slot, ...] = ()
    narrow_slot: Weight = Weight.FAIL
    slow_at_idle: Weight = Weight.WARN
    most_replays: int = 0
    most_link_errors: int = 0
    nvlinks: NvLinks = NvLinks.ALL
    fabric: bool = True
    mig: MigMode = MigMode.OFF
    least_instances: int = 1
    persistence: Weight = Weight.FAIL
    compute_modes: tuple[str, ...] = ("default", "exclusive-process")
    processes: Weight = Weight.FAIL
    firmware: tuple[Firmware, ...] = ()

    def __post_init__(self) -> None:
        reasons = (*self.slow_fails, *self.slow_warns, *self.slow_passes)
        twice = sorted({reason for reason in reasons if reasons.count(reason) > 1})
        if twice:
            raise Refused(f"the policy of gate 'gpu-health' names the clock reason {twice[0]!r} more than once")
        for percent in (self.least_memory_percent, self.least_power_percent):
            if not 1 <= percent <= 100:
                raise Refused(f"the policy of gate 'gpu-health' asks for {percent} percent; use 1 to 100")
        for needed in self.firmware:
            if needed.least_vbios and firmware(needed.least_vbios) is None:
                raise Refused(f"'leastVbios' of {needed.sku[:50]!r} is {needed.least_vbios[:50]!r}; write it as 96.00.A5.00.01")
        declared = [slot.sku for slot in self.slots]
        if len(set(declared)) != len(declared) or any(
            not 0 <= slot.width <= 32 or not 0 <= slot.generation <= 16 for slot in self.slots
        ):
            raise Refused("'slots' of gate 'gpu-health' declares a SKU twice, or a width or generation that PCIe does not have")
        names = [name for profile in self.profiles for name in profile.names]
        if len(set(names)) != len(names):
            raise Refused("two profiles under 'profiles' of gate 'gpu-health' name the same device")
