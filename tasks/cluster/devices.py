"""Devices of Dynamic Resource Allocation: what drivers offer, what claims hold, and what rules keep from new claims."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.cluster import Device, DeviceClaim, DevicePart, DeviceSlice, DeviceTaint
from tasks.cluster.places import items_of, name_of, namespace_of
from tasks.kubernetes.manifests.fields import Field, text_at, true_at, whole_at


def device_slice(one: Field) -> Iterator[DeviceSlice]:
    """The ResourceSlice at *one*."""
    driver, pool = text_at(one.within("spec", "driver")), text_at(one.within("spec", "pool", "name"))
    listed = list(items_of(one, "spec", "devices"))
    whole = {uuid: text_at(found.get("name")) for found in listed if (uuid := _attribute(found, "uuid"))}
    yield DeviceSlice(
        node=text_at(one.within("spec", "nodeName")),
        generation=whole_at(one.within("spec", "pool", "generation")),
        devices=tuple(Device(driver=driver, pool=pool, name=text_at(found.get("name"))) for found in listed),
        slices=whole_at(one.within("spec", "pool", "resourceSliceCount")),
        parts=tuple(
            DevicePart(name=text_at(found.get("name")), of=whole.get(_attribute(found, "parentUUID"), ""))
            for found in listed
            if _attribute(found, "parentUUID") or _attribute(found, "type") == "mig"
        ),
        tainted=tuple(text_at(found.get("name")) for found in listed if any(_barred(found))),
    )


_BARRING = ("NoSchedule", "NoExecute")
"""Effects of taints that keep new claims away."""


def _attribute(device: Field, name: str) -> str:
    """The attribute *name* of a device, as ``resource.k8s.io/v1`` has it, or ``v1beta1``."""
    return text_at(device.within("attributes", name, "string") or device.within("basic", "attributes", name, "string"))


def _barred(device: Field) -> Iterator[bool]:
    """For each taint of a device: does it keep new claims away?"""
    for taint in [*device.items("taints"), *items_of(device, "basic", "taints")]:
        yield text_at(taint.get("effect")) in _BARRING


def device_taint(one: Field) -> Iterator[DeviceTaint]:
    """The DeviceTaintRule at *one*, if it keeps new claims away."""
    if text_at(one.within("spec", "taint", "effect")) in _BARRING:
        driver, pool, device = (text_at(one.within("spec", "deviceSelector", name)) for name in ("driver", "pool", "device"))
        yield DeviceTaint(name=name_of(one), driver=driver, pool=pool, device=device)


def device_claim(one: Field) -> Iterator[DeviceClaim]:
    """The ResourceClaim at *one*, with the devices that it holds."""
    # Access for administrators takes no device away from others.
    results = [
        found
        for found in items_of(one, "status", "allocation", "devices", "results")
        if found.get("adminAccess") is None or not true_at(found.get("adminAccess"))
    ]
    yield DeviceClaim(
        namespace=namespace_of(one),
        name=name_of(one),
        devices=tuple(
            Device(driver=text_at(found.get("driver")), pool=text_at(found.get("pool")), name=text_at(found.get("device")))
            for found in results
        ),
    )
