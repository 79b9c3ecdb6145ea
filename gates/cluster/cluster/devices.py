"""GPUs that a driver of Dynamic Resource Allocation offers, in clusters without a device plugin."""

from __future__ import annotations

from decimal import Decimal

from arcops.seen.cluster import Cluster, Device, DeviceSlice, DeviceTaint


def offered(body: Cluster, driver: str) -> dict[Device, str]:
    """The whole devices of *driver* that claims can be given, each with its node: those of complete pools, by their newest
    generation, without parts of others (MIG) and without those that are tainted, also by a DeviceTaintRule.
    """
    slices = _newest(body)
    counts: dict[tuple[str, str], int] = {}
    for one in slices:
        for pool in {(device.driver, device.pool) for device in one.devices}:
            counts[pool] = counts.get(pool, 0) + 1
    return {
        device: one.node
        for one in slices
        for device in one.devices
        if device.driver == driver
        and device.name not in {*one.tainted, *(part.name for part in one.parts)}
        and one.slices in (0, counts[device.driver, device.pool])
        and not any(_bars(rule, device) for rule in body.taint_rules)
    }


def _bars(rule: DeviceTaint, device: Device) -> bool:
    return all(
        asked in ("", given)
        for asked, given in ((rule.driver, device.driver), (rule.pool, device.pool), (rule.device, device.name))
    )


def _newest(body: Cluster) -> list[DeviceSlice]:
    newest: dict[str, int] = {}
    for one in body.slices:
        for device in one.devices:
            newest[device.pool] = max(newest.get(device.pool, 0), one.generation)
    return [one for one in body.slices if one.devices and one.generation == newest[one.devices[0].pool]]


def taken(body: Cluster, devices: dict[Device, str]) -> dict[str, Decimal]:
    """How many of *devices* claims hold, by node; a claim of a part of a device holds the device."""
    whole = {(one.devices[0].driver, one.devices[0].pool, part.name): part.of for one in _newest(body) for part in one.parts}
    held = {device for claim in body.claims for device in claim.devices}
    held |= {
        Device(driver=one.driver, pool=one.pool, name=of)
        for one in held
        if (of := whole.get((one.driver, one.pool, one.name), ""))
    }
    found: dict[str, Decimal] = {}
    for device in held:
        node = devices.get(device)
        if node is not None:
            found[node] = found.get(node, Decimal(0)) + 1
    return found
