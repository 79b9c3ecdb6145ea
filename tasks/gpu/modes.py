"""The identity of the device, and the modes that it is set to."""

from __future__ import annotations

from typing import Any

from arcops.seen.gpu import Count, Flag, Identity, Mig, MigInstance, Text, Unread, Why
from tasks.gpu.asking import as_count, as_flag, as_text
from tasks.gpu.device import AskedDevice

_MOST_INSTANCES = 64
_MIB = 1024 * 1024


def identity(on: AskedDevice) -> Identity:
    return Identity(
        name=on.text("nvmlDeviceGetName"),
        uuid=on.text("nvmlDeviceGetUUID"),
        serial=on.text("nvmlDeviceGetSerial"),
        part=on.text("nvmlDeviceGetBoardPartNumber"),
        pci=pci(on),
        vbios=on.text("nvmlDeviceGetVbiosVersion"),
        inforom=on.text("nvmlDeviceGetInforomImageVersion"),
        inforom_intact=_intact(on),
    )


def pci(on: AskedDevice) -> Text:
    """The device's place on the bus, as NVML writes it, in lower case."""
    info = on.ask("nvmlDeviceGetPciInfo")
    if isinstance(info, Unread):
        return info
    found = as_text(info.busId, "nvmlDeviceGetPciInfo")
    return found if isinstance(found, Unread) else found.lower()


def _intact(on: AskedDevice) -> Flag:
    """Is the checksum of the InfoROM right? The call returns only success, or an error."""
    answer = on.ask("nvmlDeviceValidateInforom")
    if not isinstance(answer, Unread):
        return True
    name = "nvmlDeviceValidateInforom"
    return False if answer == on.nvml.refusal(name, on.library.NVML_ERROR_CORRUPTED_INFOROM) else answer


def mig(on: AskedDevice) -> Mig:
    name = "nvmlDeviceGetMigMode"
    now, pending = on.pair(name)
    most = on.count("nvmlDeviceGetMaxMigDeviceCount", most=_MOST_INSTANCES)
    return Mig(
        on=as_flag(now, name),
        on_after_reset=as_flag(pending, name),
        most=most,
        instances=_all_instances(on, as_flag(now, name), most),
    )


def _all_instances(on: AskedDevice, divided: Flag, most: Count) -> tuple[MigInstance, ...] | Unread:
    if isinstance(most, Unread):
        return most
    return () if divided is False else _instances(on, most)


def _instances(on: AskedDevice, most: int) -> tuple[MigInstance, ...] | Unread:
    name = "nvmlDeviceGetMigDeviceHandleByIndex"
    found: list[MigInstance] = []
    for index in range(most):
        handle = on.ask(name, index)
        if not isinstance(handle, Unread):
            found.append(_instance(AskedDevice(on.nvml, handle)))
        elif handle != on.nvml.refusal(name, on.library.NVML_ERROR_NOT_FOUND):
            # Devices with the mode off, and devices that do not have the mode, both answer 'not supported'.
            return () if handle.why is Why.UNSUPPORTED and not found else handle
    return tuple(found)


def _instance(on: AskedDevice) -> MigInstance:
    attributes: Any = on.ask("nvmlDeviceGetAttributes_v2")
    name = "nvmlDeviceGetAttributes_v2"
    size = attributes if isinstance(attributes, Unread) else as_count(attributes.memorySizeMB, name, least=1, most=2**32)
    return MigInstance(uuid=on.text("nvmlDeviceGetUUID"), memory=size if isinstance(size, Unread) else size * _MIB)


def compute_mode(on: AskedDevice) -> Text:
    found = on.count("nvmlDeviceGetComputeMode")
    if isinstance(found, Unread):
        return found
    names = {
        on.library.NVML_COMPUTEMODE_DEFAULT: "default",
        on.library.NVML_COMPUTEMODE_EXCLUSIVE_THREAD: "exclusive-thread",
        on.library.NVML_COMPUTEMODE_PROHIBITED: "prohibited",
        on.library.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive-process",
    }
    return names.get(found) or Unread(
        why=Why.BLANK, said=f"nvmlDeviceGetComputeMode answered {found}, which ArcOps does not know"
    )


def processes(on: AskedDevice) -> Count:
    """How many processes compute or draw on the device; a process that does both counts twice."""
    total = 0
    for name in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
        found = on.ask(name)
        if isinstance(found, Unread):
            return found
        total += as_length(found)
    return total


def as_length(found: object) -> int:
    return len(found) if isinstance(found, list) else 0
