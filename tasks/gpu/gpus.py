"""Every GPU of the node: what it reports at the beginning and at the end of a short watch for faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.gpu import DriverState, Flag, Gpu, GpuDriver, Gpus, Unread
from tasks.gpu import links, memory, modes, strain
from tasks.gpu.asking import Nvml, as_count, binding
from tasks.gpu.device import AskedDevice
from tasks.gpu.gpu_driver import node_bounds, refuse_other
from tasks.gpu.watch import FaultWatch

SAMPLES = 2
"""How many times clocks and temperatures are read between beginning and end; before each the collector waits for faults."""

_MOST_DEVICES = 64


@collector("gpus", Gpus, version="2", needs=(GpuDriver,), deadline=timedelta(minutes=3), isolated=True, bounds=node_bounds)
def gpus(request: Request, seen: Seen) -> Sighting[Gpus]:
    """Each device that the driver counts, whether it answers or not.

    Raises `Refused` if the driver does not answer any more: asking until it answers would hide the failure.
    """
    refuse_other(request)
    known = seen[GpuDriver].body
    if known.state is not DriverState.ANSWERS:
        raise Refused(f"BLOCKED: {known.said}")
    nvml = Nvml(binding())
    begun = nvml.wake("nvmlInit")
    if isinstance(begun, Unread):
        raise Refused(f"BLOCKED: the driver answered before, but does not answer any more: {begun.said}.")
    count = as_count(nvml.wake("nvmlDeviceGetCount"), "nvmlDeviceGetCount", most=_MOST_DEVICES)
    if isinstance(count, Unread):
        raise Refused(f"BLOCKED: the driver cannot count its GPUs: {count.said}.")
    if not count:
        raise Refused("BLOCKED: the driver answers, but finds no GPU.")
    body = _look([AskedDevice(nvml, nvml.wake("nvmlDeviceGetHandleByIndex", index)) for index in range(count)], nvml)
    nvml.ask("nvmlShutdown")
    return Sighting(body=body)


def _look(on: list[AskedDevice], nvml: Nvml) -> Gpus:
    watch = FaultWatch(nvml, on)
    first = [_told(index, device, counted=False) for index, device in enumerate(on)]
    for _ in range(SAMPLES):
        watch.wait()
        first = [
            replace(
                known,
                heat=strain.hotter(known.heat, strain.heat(device)),
                clocks=strain.slower(known.clocks, strain.clocks(device)),
            )
            for known, device in zip(first, on, strict=True)
        ]
    watch.wait()
    later = [_told(index, device, counted=True) for index, device in enumerate(on)]
    first = [_with_counters(known, now) for known, now in zip(first, later, strict=True)]
    later = [replace(now, same=_same(known, now)) for known, now in zip(first, later, strict=True)]
    watch.take()
    return Gpus(devices=tuple(first), later=tuple(later), events=tuple(watch.events), watched=watch.end())


def _with_counters(first: Gpu, later: Gpu) -> Gpu:
    """Counters of errors and retired pages only grow, so what they say at the end holds for all of the check: they are asked
    for once.
    """
    return replace(
        first,
        memory=replace(first.memory, errors=later.memory.errors, pages=later.memory.pages),
        nvlinks=links.with_counters(first.nvlinks, later.nvlinks),
    )


def _told(index: int, on: AskedDevice, *, counted: bool) -> Gpu:
    return Gpu(
        index=index,
        identity=modes.identity(on),
        memory=memory.memory(on, counted=counted),
        recovery=memory.recovery(on),
        heat=strain.heat(on),
        clocks=strain.clocks(on),
        power=strain.power(on),
        pcie=links.pcie(on),
        nvlinks=links.nvlinks(on, counted=counted),
        fabric=links.fabric(on),
        mig=modes.mig(on),
        persistence=on.flag("nvmlDeviceGetPersistenceMode"),
        compute_mode=modes.compute_mode(on),
        processes=modes.processes(on),
        same=True,
        states=strain.states(on),
        busy=strain.busy(on),
    )


def _same(before: Gpu, now: Gpu) -> Flag:
    uuid = now.identity.uuid
    if isinstance(uuid, Unread):
        return uuid
    if isinstance(before.identity.uuid, Unread):
        return before.identity.uuid
    return uuid == before.identity.uuid
