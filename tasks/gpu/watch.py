"""Waiting for the faults that the driver reports while something else is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arcops.seen.gpu import Flag, Text, Unread, XidEvent
from tasks.gpu.asking import Nvml, as_count
from tasks.gpu.device import Device
from tasks.gpu.modes import pci

WAIT_MS = 200
_MOST_EVENTS = 256


class Watch:
    """The faults (XIDs) of *devices* from now on, in ``events``."""

    def __init__(self, nvml: Nvml, devices: Sequence[Device]) -> None:
        self.events: list[XidEvent] = []
        self._nvml = nvml
        self._set: Any = nvml.ask("nvmlEventSetCreate")
        self._trouble: Unread | None = self._set if isinstance(self._set, Unread) else None
        for device in devices:
            if self._trouble is None:
                self._register(device)

    def _register(self, device: Device) -> None:
        answer = device.ask("nvmlDeviceRegisterEvents", self._nvml.library.nvmlEventTypeXidCriticalError, self._set)
        if isinstance(answer, Unread):
            self._trouble = answer

    def wait(self) -> None:
        """Wait `WAIT_MS` for faults, and take every one that is there."""
        if self._trouble is not None and isinstance(self._set, Unread):
            return
        milliseconds = WAIT_MS
        while len(self.events) < _MOST_EVENTS:
            event = self._nvml.ask("nvmlEventSetWait_v2", self._set, milliseconds, waits=milliseconds / 1000)
            if isinstance(event, Unread):
                if event != self._nvml.refusal("nvmlEventSetWait_v2", self._nvml.library.NVML_ERROR_TIMEOUT):
                    self._trouble = event
                return
            xid = as_count(event.eventData, "nvmlEventSetWait_v2")
            if isinstance(xid, Unread):
                self._trouble = xid
            elif event.eventType & self._nvml.library.nvmlEventTypeXidCriticalError:
                self.events.append(XidEvent(pci=self._pci(event.device), xid=xid))
            milliseconds = 0

    def _pci(self, handle: Any) -> Text:
        return pci(Device(self._nvml, handle))

    def end(self) -> Flag:
        """Stop watching. Could every device have reported a fault all the time?"""
        if not isinstance(self._set, Unread):
            self._nvml.ask("nvmlEventSetFree", self._set)
        return True if self._trouble is None else self._trouble
