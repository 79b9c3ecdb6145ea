"""The device's memory: its errors, the replacements of failed parts, and the recovery that the device needs."""

from __future__ import annotations

import ctypes

from arcops.seen.gpu import Count, DeviceMemory, EccErrors, Flag, Pages, Rows, Text, Unread, Why
from tasks.gpu.asking import as_count, as_flag
from tasks.gpu.device import AskedDevice

_RECOVERY = (
    "none",
    "gpu-reset",
    "node-reboot",
    "drain-p2p",
    "drain-and-reset",
    "recover-imex-domain",
    "bus-reset",
    "system-reboot",
)

_ALWAYS = ("dram", "sram")
"""Places that every kind with error correction must count; errors elsewhere are part of the total, too."""


def memory(on: AskedDevice, *, counted: bool) -> DeviceMemory:
    """What the device reports of its memory; its counters of errors, which only grow, are asked for if they are *counted*."""
    now, after_reset = on.pair("nvmlDeviceGetEccMode")
    channel, tpc = on.pair("nvmlDeviceGetRepairStatus")
    info = on.ask("nvmlDeviceGetMemoryInfo")
    name = "nvmlDeviceGetMemoryInfo"
    return DeviceMemory(
        total=info if isinstance(info, Unread) else as_count(info.total, name, least=1),
        ecc=as_flag(now, "nvmlDeviceGetEccMode"),
        ecc_after_reset=as_flag(after_reset, "nvmlDeviceGetEccMode"),
        errors=_errors(on) if counted else (),
        rows=_rows(on),
        pages=_pages(on, counted=counted),
        sram_worn=_sram_worn(on),
        unrepairable=on.flag("nvmlDeviceGetUnrepairableMemoryFlag_v1"),
        channel_repair_pending=as_flag(channel, "nvmlDeviceGetRepairStatus"),
        tpc_repair_pending=as_flag(tpc, "nvmlDeviceGetRepairStatus"),
    )


def recovery(on: AskedDevice) -> Text:
    """The recovery action that the driver asks for before the device works again; ``none`` if no action is needed."""
    found = on.fields({"action": on.library.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION})["action"]
    if isinstance(found, Unread):
        return found
    if not 0 <= found < len(_RECOVERY):
        return Unread(why=Why.BLANK, said=f"the driver asks for the recovery action {found}, which ArcOps does not know")
    return _RECOVERY[found]


def _errors(on: AskedDevice) -> tuple[EccErrors, ...]:
    library = on.library
    locations = {
        "dram": library.NVML_MEMORY_LOCATION_DRAM,
        "sram": library.NVML_MEMORY_LOCATION_SRAM,
        "l1": library.NVML_MEMORY_LOCATION_L1_CACHE,
        "l2": library.NVML_MEMORY_LOCATION_L2_CACHE,
        "registers": library.NVML_MEMORY_LOCATION_REGISTER_FILE,
        "textures": library.NVML_MEMORY_LOCATION_TEXTURE_MEMORY,
        "texture-shared": library.NVML_MEMORY_LOCATION_TEXTURE_SHM,
        "cbu": library.NVML_MEMORY_LOCATION_CBU,
    }
    totals = [
        EccErrors(
            location="all",
            corrected=on.count(
                "nvmlDeviceGetTotalEccErrors", library.NVML_MEMORY_ERROR_TYPE_CORRECTED, library.NVML_VOLATILE_ECC
            ),
            uncorrected=on.count(
                "nvmlDeviceGetTotalEccErrors", library.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, library.NVML_VOLATILE_ECC
            ),
            corrected_ever=on.count(
                "nvmlDeviceGetTotalEccErrors", library.NVML_MEMORY_ERROR_TYPE_CORRECTED, library.NVML_AGGREGATE_ECC
            ),
            uncorrected_ever=on.count(
                "nvmlDeviceGetTotalEccErrors", library.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, library.NVML_AGGREGATE_ECC
            ),
        )
    ]
    return tuple(totals + [_at(on, location, number) for location, number in locations.items()])


def _at(on: AskedDevice, location: str, number: int) -> EccErrors:
    """The errors of one place. A kind that does not know the place for what it cannot correct does not count what it can."""
    library = on.library

    def count(kind: int, span: int) -> Count:
        return on.count("nvmlDeviceGetMemoryErrorCounter", kind, span, number)

    ever = count(library.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, library.NVML_AGGREGATE_ECC)
    now = count(library.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, library.NVML_VOLATILE_ECC)
    if location not in _ALWAYS and all(isinstance(one, Unread) and one.why is Why.UNSUPPORTED for one in (ever, now)):
        return EccErrors(location=location, corrected=now, uncorrected=now, corrected_ever=ever, uncorrected_ever=ever)
    return EccErrors(
        location=location,
        corrected=count(library.NVML_MEMORY_ERROR_TYPE_CORRECTED, library.NVML_VOLATILE_ECC),
        uncorrected=now,
        corrected_ever=count(library.NVML_MEMORY_ERROR_TYPE_CORRECTED, library.NVML_AGGREGATE_ECC),
        uncorrected_ever=ever,
    )


def _rows(on: AskedDevice) -> Rows:
    name = "nvmlDeviceGetRemappedRows"
    answer = on.ask(name)
    corrected, uncorrected, pending, failed = (answer,) * 4 if isinstance(answer, Unread) else answer
    histogram = on.ask("nvmlDeviceGetRowRemapperHistogram")
    return Rows(
        corrected=as_count(corrected, name),
        uncorrected=as_count(uncorrected, name),
        pending=as_flag(pending, name),
        failed=as_flag(failed, name),
        exhausted_banks=(
            histogram if isinstance(histogram, Unread) else as_count(histogram.none, "nvmlDeviceGetRowRemapperHistogram")
        ),
    )


def _pages(on: AskedDevice, *, counted: bool) -> Pages:
    name = "nvmlDeviceGetRetiredPages"
    if not counted:
        uncounted = Unread(why=Why.FAILED, said="it was not counted")
        return Pages(corrected=uncounted, uncorrected=uncounted, pending=uncounted)

    def count(cause: int) -> Count:
        answer = on.ask(name, cause)
        return answer if isinstance(answer, Unread) else as_count(len(answer), name)

    return Pages(
        corrected=count(on.library.NVML_PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS),
        uncorrected=count(on.library.NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR),
        pending=on.flag("nvmlDeviceGetRetiredPagesPendingStatus"),
    )


def _sram_worn(on: AskedDevice) -> Flag:
    name = "nvmlDeviceGetSramEccErrorStatus"
    try:
        status = on.library.c_nvmlEccSramErrorStatus_v1_t()
    except AttributeError:
        return Unread(why=Why.NO_SYMBOL, said=f"the installed nvidia-ml-py does not have {name}")
    answer = on.ask(name, ctypes.byref(status))
    return answer if isinstance(answer, Unread) else as_flag(status.bThresholdExceeded, name)
