"""GPUs that a driver of Dynamic Resource Allocation offers, in clusters without a device plugin."""

from __future__ import annotations

from decimal import Decimal

from arcops.seen.cluster import Cluster, Device


def offered(body: Cluster, driver: str) -> dict[Device, str]:
    """The devices of *driver*, each with its node: those in the newest generation of each pool."""
    newest: dict[str, int] = {}
    for one in body.slices:
        for device in one.devices:
            newest[device.pool] = max(newest.get(device.pool, 0), one.generation)
    return {
        device: one.node
        for one in body.slices
        for device in one.devices
        if device.driver == driver and one.generation == newest[device.pool]
    }


def taken(body: Cluster, devices: dict[Device, str]) -> dict[str, Decimal]:
    """How many of *devices* claims hold, by node."""
    found: dict[str, Decimal] = {}
    for device in {device for claim in body.claims for device in claim.devices}:
        node = devices.get(device)
        if node is not None:
            found[node] = found.get(node, Decimal(0)) + 1
    return found
