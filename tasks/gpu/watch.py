"""Watches for faults that the driver reports while the collector reads other values."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

from arcops.seen.gpu import FaultEvent, FaultKind, Flag, Unread, Why
from tasks.gpu.asking import Nvml, as_count
from tasks.gpu.device import AskedDevice
from tasks.gpu.modes import pci

WAIT_MS = 200
_MOST_EVENTS = 256
_WAIT = "nvmlEventSetWait_v2"


class FaultWatch:
    """The faults of *devices* from now on, in ``events``. Every device must report XIDs; other faults are optional."""

    def __init__(self, nvml: Nvml, devices: Sequence[AskedDevice]) -> None:
        self.events: list[FaultEvent] = []
        self._nvml = nvml
        self._kinds = _kinds(nvml.library)
        self._places = {_address(device.handle): pci(device) for device in devices}
        self._set: Any = nvml.ask("nvmlEventSetCreate")
        self._trouble: Unread | None = self._set if isinstance(self._set, Unread) else None
        for device in devices:
            if self._trouble is None:
                self._register(device)

    def _register(self, device: AskedDevice) -> None:
        name = "nvmlDeviceGetSupportedEventTypes"
        known = sum(self._kinds)
        told = as_count(device.ask(name), name)
        if isinstance(told, Unread):
            self._trouble = told
            return
        xid = self._nvml.library.nvmlEventTypeXidCriticalError
        if not told & xid:  # registering such a device succeeds, but it never reports
            self._trouble = Unread(why=Why.UNSUPPORTED, said=f"{name} answered {told:#x}, so the device reports no XID")
            return
        answer = device.ask("nvmlDeviceRegisterEvents", told & known, self._set)
        if isinstance(answer, Unread):
            self._trouble = answer

    def wait(self) -> None:
        """Wait `WAIT_MS` for a fault, and take every one that is there."""
        self._take(WAIT_MS)

    def take(self) -> None:
        """Take every fault that is there."""
        self._take(0)

    def _take(self, milliseconds: int) -> None:
        if isinstance(self._set, Unread):
            return
        while len(self.events) < _MOST_EVENTS:
            event = self._nvml.ask(_WAIT, self._set, milliseconds, waits=milliseconds / 1000)
            if isinstance(event, Unread):
                if event != self._nvml.refusal(_WAIT, self._nvml.library.NVML_ERROR_TIMEOUT):
                    self._trouble = event
                return
            self._add(event)
            milliseconds = 0

    def _add(self, event: Any) -> None:
        place = self._places.get(_address(event.device)) or pci(AskedDevice(self._nvml, event.device))
        kind = self._kinds.get(event.eventType)
        if kind is not FaultKind.XID:
            if kind is None:
                self._trouble = Unread(why=Why.BLANK, said=f"{_WAIT} answered an event of type {event.eventType:#x}")
            else:
                self.events.append(FaultEvent(pci=place, kind=kind))
            return
        xid = as_count(event.eventData, _WAIT)
        if isinstance(xid, Unread):
            self._trouble = xid
        else:
            self.events.append(FaultEvent(pci=place, kind=kind, xid=xid))

    def end(self) -> Flag:
        """Stop watching. Could every device report an XID during the whole watch?"""
        if not isinstance(self._set, Unread):
            self._nvml.ask("nvmlEventSetFree", self._set)
        return True if self._trouble is None else self._trouble


def _address(handle: Any) -> int | None:
    """The address behind the handle, which identifies a device even if it is lost and does not answer any more."""
    return None if isinstance(handle, Unread) else ctypes.cast(handle, ctypes.c_void_p).value


def _kinds(library: Any) -> Mapping[int, FaultKind]:
    """Event types by their bits, those that the installed binding knows."""
    wanted = {
        "nvmlEventTypeXidCriticalError": FaultKind.XID,
        "nvmlEventTypeDoubleBitEccError": FaultKind.DOUBLE_BIT,
        "nvmlEventTypeFatalPoisonError": FaultKind.POISON,
        "nvmlEventTypeDramRetirementFailure": FaultKind.RETIREMENT,
        "nvmlEventTypeGpuUnavailableError": FaultKind.UNAVAILABLE,
    }
    return {getattr(library, name): kind for name, kind in wanted.items() if hasattr(library, name)}
