"""How much memory is left while the endpoint works: of this machine and its GPUs, if the endpoint runs on this machine.

A separate thread reads the memory several times a second, because a driver may be slow to answer. The server's own figures for
its cache, at ``/metrics``, are read only if the request says so.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcops.errors import Unavailable
from arcops.seen.gpu import Unread
from arcops.seen.inference_server import Process, RoomKind, RoomLeft, ServerMemory
from tasks.gpu.asking import Nvml, as_count, binding
from tasks.gpu.pci_bus import gpus_on_bus
from tasks.inference import processes
from tasks.inference.asking import EndpointDoor, fetch
from tasks.inference.bad_answer import BadAnswer

_SECONDS = 0.2
_SECONDS_OF_METRICS = 1.0
_MOST_DEVICES = 64
_REMOTE = "the endpoint is on another machine, so its memory cannot be seen from here"
_NOT_ASKED = "its metrics were not requested; use --metrics for that"
_CACHE = re.compile(
    rb"^(vllm:kv_cache_usage_perc|vllm:gpu_cache_usage_perc|llamacpp:kv_cache_usage_ratio)"
    rb"(?:\{[^}\n]*\})?[ \t]+([0-9.eE+-]{1,30})\s*$",
    re.MULTILINE,
)
"""A share from 0 to 1: by the names of vLLM's engine V1 and the one before it, and by llama.cpp's (``--metrics``)."""


@dataclass(slots=True)
class _Least:
    """The least free memory of one kind, over all samples."""

    kind: RoomKind
    name: str
    total: int = 0
    least: int | None = None
    samples: int = 0
    said: str = ""

    def take(self, total: int, free: int) -> None:
        self.total, self.samples = total, self.samples + 1
        self.least = free if self.least is None else min(self.least, free)

    @property
    def room(self) -> RoomLeft:
        read = self.least is not None and not self.said
        return RoomLeft(
            kind=self.kind,
            name=self.name,
            total=self.total or None,
            least=self.least if read else None,
            percent=self.least * 100 // self.total if read and self.least is not None and self.total else None,
            samples=self.samples,
            said=self.said,
        )


class MemoryWatch:
    """Watches from ``with`` to its end; `memory` is the result."""

    def __init__(self, at: EndpointDoor, *, local: bool, served_by: frozenset[int] | None = None) -> None:
        self._at, self._local, self._served_by = at, local, served_by
        self._host = _Least(kind=RoomKind.HOST, name="this machine")
        self._devices: list[_Least] = []
        self._cache = _Least(kind=RoomKind.CACHE, name="the server's own figure")
        self._told = _NOT_ASKED
        self._family: frozenset[int] = frozenset()
        self._most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="rooms", daemon=True)

    def __enter__(self) -> MemoryWatch:
        if self._local:
            # An isolated process may not see the open sockets of others, so the listeners were looked up before.
            listening = processes.listeners(self._at.port) if self._served_by is None else self._served_by
            self._family = processes.family(listening)
            self._sample()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._local:
            self._end.set()
            self._sample()

    async def ended(self) -> None:
        """Wait until the thread has ended: a driver may still have to answer."""
        while self._thread.is_alive():
            await asyncio.sleep(_SECONDS / 10)

    def _look(self) -> None:
        ask = _devices(self._devices)
        ask()
        while not self._end.wait(_SECONDS):
            self._sample()
            ask()
        ask()

    def _sample(self) -> None:
        told = processes.memory()
        if told is not None:
            self._host.take(*told)
        self._most = max(self._most, processes.resident(self._family))

    async def metrics(self) -> None:
        """Read the server's metrics again and again, until cancelled."""
        while True:
            try:
                page = await fetch(self._at, "/metrics", _SECONDS_OF_METRICS * 5, kind="")
            except BadAnswer as error:
                self._told = f"/metrics: {error.said}"
            else:
                self._read(page)
            await asyncio.sleep(_SECONDS_OF_METRICS)

    def _read(self, page: bytes) -> None:
        used = []
        for _, figure in _CACHE.findall(page):
            try:
                used.append(float(figure))
            except ValueError:
                continue
        if used and all(0.0 <= one <= 1.0 for one in used):
            self._cache.take(1000, 1000 - round(max(used) * 1000))
            self._told = ""
        else:
            self._told = "/metrics has no figure of a key-value cache that ArcOps knows"

    @property
    def memory(self) -> ServerMemory:
        rooms = [self._host.room] if self._host.samples else []
        if self._thread.is_alive():
            for device in self._devices:
                device.said = device.said or "the driver had not answered when the load ended"
        rooms += [device.room for device in self._devices]
        if self._cache.samples:  # the figure is a share; its size in bytes is unknown
            told = self._cache.room
            rooms.append(
                RoomLeft(
                    kind=told.kind, name=told.name, total=None, least=None, percent=told.percent, samples=told.samples, said=""
                )
            )
        said = [self._told] if self._told else []
        if not self._local:
            said.insert(0, _REMOTE)
        process = Process(many=len(self._family), most=self._most, said=self._unseen)
        return ServerMemory(rooms=tuple(rooms), process=process, said="; ".join(said))

    @property
    def _unseen(self) -> str:
        if not self._local:
            return _REMOTE
        return "" if self._family else f"no process that this user can see listens at port {self._at.port}"


def _devices(found: list[_Least]) -> Callable[[], None]:
    """Fill *found* with the GPUs of this machine, and return a function that reads each of them again."""
    nvml, handles, said = _open()
    if said:
        on_bus = gpus_on_bus(Path("/"))
        if isinstance(on_bus, int) and on_bus:
            found.append(_Least(kind=RoomKind.DEVICE, name=f"{on_bus} GPU(s) on the bus", said=said))
        return lambda: None
    for number, handle in enumerate(handles):
        name = nvml.text("nvmlDeviceGetUUID", handle) if not isinstance(handle, Unread) else handle
        found.append(_Least(kind=RoomKind.DEVICE, name=f"GPU {number}" if isinstance(name, Unread) else name))

    def look() -> None:
        for device, handle in zip(found, handles, strict=True):
            info = handle if isinstance(handle, Unread) else nvml.ask("nvmlDeviceGetMemoryInfo", handle)
            total = info if isinstance(info, Unread) else as_count(info.total, "nvmlDeviceGetMemoryInfo", least=1)
            free = info if isinstance(info, Unread) else as_count(info.free, "nvmlDeviceGetMemoryInfo")
            if isinstance(total, Unread) or isinstance(free, Unread):
                device.said = next(one.said for one in (total, free) if isinstance(one, Unread))
            else:
                device.take(total, free)

    return look


def _open() -> tuple[Any, list[Any], str]:
    """The library, a handle of each device, and, if there are no devices, the reason."""
    try:
        nvml = Nvml(binding())
    except Unavailable as error:
        return None, [], str(error)
    begun = nvml.wake("nvmlInit")
    if isinstance(begun, Unread):
        return None, [], begun.said
    count = as_count(nvml.wake("nvmlDeviceGetCount"), "nvmlDeviceGetCount", most=_MOST_DEVICES)
    if isinstance(count, Unread):
        return None, [], count.said
    return nvml, [nvml.wake("nvmlDeviceGetHandleByIndex", index) for index in range(count)], ""
