"""The connections of the device to the host and to other devices: PCIe, NVLink, and the fabric of the switches."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from typing import Any

from arcops.seen.gpu import Count, Fabric, LinkErrors, Names, NvLink, Pcie, Text, Unread, Why
from tasks.gpu.asking import as_count
from tasks.gpu.device import AskedDevice

_MOST_LINKS = 64
_GENERATIONS = {1: 10, 2: 20, 3: 22, 4: 30, 5: 31, 6: 40, 7: 50, 8: 60}
_FABRIC_STATES = ("not-supported", "not-started", "in-progress", "completed")
# For each part of the fabric's health: its name if it is bad, its place in the mask, and the values for bad and for good. Zero
# means that this part is not reported. A value in neither list is not known here, so it counts as bad.
_HEALTH = (
    ("degraded-bandwidth", 0, 0x3, (1,), (0, 2)),
    ("route-recovery", 2, 0x3, (1,), (0, 2)),
    ("route-unhealthy", 4, 0x3, (1,), (0, 2)),
    ("access-timeout-recovery", 6, 0x3, (1,), (0, 2)),
    ("incorrect-configuration", 8, 0xF, (2, 3, 4, 5, 6, 7, 8), (0, 1)),
    ("no-partition", 12, 0x3, (2,), (0, 1)),
    ("fabric-manager-disconnected", 14, 0x3, (2,), (0, 1)),
)
_HEALTH_BITS = 16
_SUMMARIES = {1: (), 2: ("unhealthy",), 3: ("limited-capacity",)}


def pcie(on: AskedDevice) -> Pcie:
    library = on.library
    errors = on.fields(
        {"fatal": library.NVML_FI_DEV_PCIE_COUNT_FATAL_ERROR, "non-fatal": library.NVML_FI_DEV_PCIE_COUNT_NON_FATAL_ERROR}
    )
    return Pcie(
        generation=on.count("nvmlDeviceGetCurrPcieLinkGeneration", least=1, most=16),
        slot_generation=on.count("nvmlDeviceGetMaxPcieLinkGeneration", least=1, most=16),
        own_generation=on.count("nvmlDeviceGetGpuMaxPcieLinkGeneration", least=1, most=16),
        width=on.count("nvmlDeviceGetCurrPcieLinkWidth", least=1, most=32),
        most_width=on.count("nvmlDeviceGetMaxPcieLinkWidth", least=1, most=32),
        replays=on.count("nvmlDeviceGetPcieReplayCounter"),
        fatal=errors["fatal"],
        non_fatal=errors["non-fatal"],
    )


def nvlinks(on: AskedDevice, *, counted: bool) -> tuple[NvLink, ...] | Unread:
    """Each link; its generation, and its counters of errors, which only grow, are asked for if they are *counted*."""
    count = on.fields({"links": on.library.NVML_FI_DEV_NVLINK_LINK_COUNT})["links"]
    count = as_count(count, "nvmlDeviceGetFieldValues[NVML_FI_DEV_NVLINK_LINK_COUNT]", most=_MOST_LINKS)
    if isinstance(count, Unread):
        return count
    if not counted:
        return tuple(_state_of(on, number) for number in range(count))
    newer = on.nvml.scoped_fields(on.handle, _newer_errors(on.library), range(count))
    return tuple(_link(on, number, errors) for number, errors in enumerate(newer))


def with_counters(first: tuple[NvLink, ...] | Unread, later: tuple[NvLink, ...] | Unread) -> tuple[NvLink, ...] | Unread:
    """The links as they were *first*, with what was counted *later*; if that could not be read, the reason."""
    if isinstance(first, Unread) or isinstance(later, Unread):
        return first if isinstance(first, Unread) else later
    counted = {link.number: link for link in later}
    return tuple(
        replace(link, generation=known.generation, errors=known.errors) if (known := counted.get(link.number)) else link
        for link in first
    )


def _state_of(on: AskedDevice, number: int) -> NvLink:
    uncounted = Unread(why=Why.FAILED, said="it was not counted")
    return NvLink(number=number, active=on.flag("nvmlDeviceGetNvLinkState", number), generation=uncounted, errors=())


def _link(on: AskedDevice, number: int, newer: dict[str, Count]) -> NvLink:
    version = on.count("nvmlDeviceGetNvLinkVersion", number)
    if not isinstance(version, Unread):
        known = _GENERATIONS.get(version)
        version = known or Unread(
            why=Why.BLANK, said=f"nvmlDeviceGetNvLinkVersion answered {version}, which ArcOps does not know"
        )
    return NvLink(
        number=number,
        active=on.flag("nvmlDeviceGetNvLinkState", number),
        generation=version,
        errors=tuple(LinkErrors(name=name, count=count) for name, count in (_older_errors(on, number) | newer).items()),
    )


def _older_errors(on: AskedDevice, number: int) -> dict[str, Count]:
    """The counters of devices up to Hopper; no device has all of these and of the newer ones."""
    library = on.library
    older = {
        "replays": library.NVML_NVLINK_ERROR_DL_REPLAY,
        "recoveries": library.NVML_NVLINK_ERROR_DL_RECOVERY,
        "crc-flit": library.NVML_NVLINK_ERROR_DL_CRC_FLIT,
        "crc-data": library.NVML_NVLINK_ERROR_DL_CRC_DATA,
    }
    return {name: on.count("nvmlDeviceGetNvLinkErrorCounter", number, counter) for name, counter in older.items()}


def _newer_errors(library: Any) -> dict[str, int]:
    """The counters of newer devices, which are fields with the link as their scope."""
    return {
        "malformed-packets": library.NVML_FI_DEV_NVLINK_COUNT_MALFORMED_PACKET_ERRORS,
        "buffer-overruns": library.NVML_FI_DEV_NVLINK_COUNT_BUFFER_OVERRUN_ERRORS,
        "receive-errors": library.NVML_FI_DEV_NVLINK_COUNT_RCV_ERRORS,
        "link-integrity": library.NVML_FI_DEV_NVLINK_COUNT_LOCAL_LINK_INTEGRITY_ERRORS,
        "failed-recoveries": library.NVML_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_FAILED_EVENTS,
        "effective-errors": library.NVML_FI_DEV_NVLINK_COUNT_EFFECTIVE_ERRORS,
    }


def fabric(on: AskedDevice) -> Fabric:
    name = "nvmlDeviceGetGpuFabricInfoV"
    info = _fabric_info(on, name)
    if isinstance(info, Unread):
        return Fabric(state=info, status=info, ills=info)
    return Fabric(state=_state(info.state, name), status=as_count(info.status, name), ills=_ills(info, name))


def _fabric_info(on: AskedDevice, name: str) -> Any:
    answer: Any = Unread(why=Why.NO_SYMBOL, said=f"the installed nvidia-ml-py does not have {name}")
    for kind in ("c_nvmlGpuFabricInfo_v3_t", "c_nvmlGpuFabricInfo_v2_t"):
        struct = getattr(on.library, kind, None)
        if struct is None:
            continue
        info = struct()
        answer = on.ask(name, ctypes.byref(info))
        if not isinstance(answer, Unread):
            return info
        older = (on.library.NVML_ERROR_ARGUMENT_VERSION_MISMATCH, on.library.NVML_ERROR_INVALID_ARGUMENT)
        if answer not in [on.nvml.refusal(name, code) for code in older]:
            return answer
    return answer


def _state(value: object, name: str) -> Text:
    number = as_count(value, name)
    if isinstance(number, Unread):
        return number
    if number >= len(_FABRIC_STATES):
        return Unread(why=Why.BLANK, said=f"{name} answered the state {number}, which ArcOps does not know")
    return _FABRIC_STATES[number]


def _ills(info: Any, name: str) -> Names:
    mask = as_count(info.healthMask, name)
    if isinstance(mask, Unread):
        return mask
    summary = getattr(info, "healthSummary", 0)
    if not mask and not summary:
        return Unread(why=Why.UNSUPPORTED, said=f"{name} does not report the fabric's health")
    ills = [ill for ill, shift, width, bad, good in _HEALTH if _bad(mask >> shift & width, bad, good)]
    ills += [f"bit-{bit}" for bit in range(_HEALTH_BITS, 32) if mask >> bit & 1]
    return (*ills, *(_SUMMARIES.get(summary, (f"summary-{summary}",)) if summary else ()))


def _bad(value: int, bad: tuple[int, ...], good: tuple[int, ...]) -> bool:
    return value in bad or value not in good
