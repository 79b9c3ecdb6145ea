"""Judging how a device is connected to the host and to other devices."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Rule
from arcops.seen.gpu import NvLink, Unread, Why
from arcops.seen.gpu_profile import Area
from gates.breach import Weight
from gates.gpu.gpu_health.device import DeviceProblem, JudgedDevice
from gates.gpu.gpu_health.policy import NvLinks, Signal

_RESTING = "gpu-idle"
_LOW_STATE = 5
"""Performance states from P5 on are for little or no work; P0 is the fastest, P15 the slowest."""
_FABRIC_UP = "completed"


PCIE_LINK = Rule(
    id="gpu-health/pcie-link",
    asks="Is every PCIe link as wide and as fast as the device and its kind allow?",
    fix="Reseat the card or its riser, use another slot, and check the firmware's link settings. If the slot is meant to be"
    " so, declare it under 'slots' of gate 'gpu-health'.",
)


def pcie_link(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told, area = at.gpu.pcie, Area.PCIE_LINK
    yield from at.needs("the width of its PCIe link", told.width, told.most_width, area=area)
    speeds = (told.generation, told.slot_generation, told.own_generation)
    yield from at.needs("the generation of its PCIe link", *speeds, area=area)
    if not at.applies(area):
        return
    if not isinstance(told.width, Unread) and not isinstance(told.most_width, Unread) and told.width < told.most_width:
        yield at.fails(f"its PCIe link is x{told.width} of x{told.most_width}", "width")
    yield from _slot(at)
    now, slot = told.generation, told.slot_generation
    if isinstance(now, Unread) or isinstance(slot, Unread) or now >= slot:
        return
    text = f"its PCIe link runs at generation {now} of {slot}"
    if not _resting(at):
        yield at.fails(text, "generation")
    elif at.policy.slow_at_idle is not Weight.PASS:
        yield DeviceProblem(
            outcome=at.policy.slow_at_idle.outcome,
            text=f"{text} while the GPU is idle, so its full speed was not seen",
            key="generation at rest",
        )


def _slot(at: JudgedDevice) -> Iterator[DeviceProblem]:
    """What device and slot reach together, against what this kind supports in the slot that the site declares, if it does."""
    if at.profile is None:
        return
    told, declared = at.gpu.pcie, next((slot for slot in at.policy.slots if slot.sku == at.profile.sku), None)
    for what, have, made, allows in (
        ("width", told.most_width, at.profile.pcie_width, declared.width if declared else 0),
        ("generation", told.slot_generation, at.profile.pcie_generation, declared.generation if declared else 0),
    ):
        if made is None or isinstance(have, Unread):
            continue
        if allows and have < min(made.value, allows):
            text = f"its slot allows PCIe {what} {have}; the policy declares {allows} for {at.profile.sku}"
            yield at.fails(text, f"slot {what}")
        elif not allows and have < made.value and at.policy.narrow_slot is not Weight.PASS:
            text = f"its slot allows PCIe {what} {have}; {at.profile.sku} supports {made.value}"
            yield DeviceProblem(outcome=at.policy.narrow_slot.outcome, text=text, key=f"slot {what}")


def _resting(at: JudgedDevice) -> bool:
    """Does it say that it is idle, or is it in a low performance state without any work?"""
    reasons, gpu = at.gpu.clocks.reasons, at.gpu
    if not isinstance(reasons, Unread) and _RESTING in reasons:
        return True
    return gpu.busy == (0,) and bool(gpu.states) and min(gpu.states) >= _LOW_STATE


PCIE_ERRORS = Rule(
    id="gpu-health/pcie-errors",
    asks="Are the PCIe links free of errors?",
    fix="Reseat the card and its riser. If errors come back, the slot, the riser or the card is faulty.",
)


def pcie_errors(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.pcie
    yield from at.needs("how often PCIe sent again", told.replays, area=Area.PCIE_ERRORS)
    yield from at.needs(
        "the count of its PCIe errors", told.fatal, told.non_fatal, spare=Signal.PCIE_ERRORS, area=Area.PCIE_ERRORS
    )
    if not isinstance(told.fatal, Unread) and told.fatal:
        yield at.fails(f"its PCIe link had {told.fatal} fatal error(s)", "fatal")
    if not isinstance(told.non_fatal, Unread) and told.non_fatal:
        yield at.warns(f"its PCIe link had {told.non_fatal} error(s) that were not fatal", "non-fatal")
    if not isinstance(told.replays, Unread) and told.replays > at.policy.most_replays:
        yield at.warns(f"its PCIe link repeated {told.replays} transfer(s)", "replays")


NVLINK = Rule(
    id="gpu-health/nvlink",
    asks="Are all NVLinks of this kind of GPU up, at its generation, and free of errors?",
    fix="Check the bridge or baseboard, the fabric manager and dmesg; reset the GPUs, and have a dead link repaired.",
)


def nvlink(at: JudgedDevice) -> Iterator[DeviceProblem]:
    links = at.gpu.nvlinks
    wanted = at.profile.nvlinks.value if at.profile is not None else None
    spared = wanted == 0 or at.policy.nvlinks is NvLinks.ANY or (at.policy.nvlinks is NvLinks.BUILT_IN and _by_bridge(at))
    if isinstance(links, Unread):
        if not spared:
            yield from at.needs("which NVLinks it has", links)
        return
    up = [link for link in links if link.active is True]
    if at.policy.nvlinks is not NvLinks.ANY and not (spared and not up):
        for link in links:
            yield from at.needs(f"whether NVLink {link.number} is up", link.active)
        down = ", ".join(str(link.number) for link in links if link.active is False)
        if len(up) < (wanted if wanted is not None else len(links)):
            made = f"; {at.profile.sku} has {wanted}" if at.profile is not None else ""
            yield at.fails(f"{len(up)} of its {len(links)} NVLinks are up{made} (down: {down or 'none reported'})", "down")
    for link in up:
        yield from _link(at, link)


def _by_bridge(at: JudgedDevice) -> bool:
    return at.profile is not None and at.profile.nvlink_bridge is not None and at.profile.nvlink_bridge.value


def _link(at: JudgedDevice, link: NvLink) -> Iterator[DeviceProblem]:
    name = f"NVLink {link.number}"
    yield from at.needs(f"the generation of {name}", link.generation)
    made = at.profile.nvlink_generation if at.profile is not None else None
    if made is not None and not isinstance(link.generation, Unread) and link.generation < made.value:
        yield at.fails(f"{name} runs as generation {link.generation // 10}", f"{name} generation")
    yield from at.lacks(f"whether {name} has errors", *(error.count for error in link.errors))
    told = [(error.name, error.count) for error in link.errors if not isinstance(error.count, Unread)]
    if not told:
        unread = (error.count for error in link.errors if isinstance(error.count, Unread))
        why = next(unread, Unread(why=Why.FAILED, said="no counter was asked"))
        yield at.unknown(f"whether {name} has errors", why)
    for kind, count in told:
        if count > at.policy.most_link_errors:
            yield at.warns(f"{name} counts {count} {kind}", f"{name} {kind}")


FABRIC = Rule(
    id="gpu-health/fabric",
    asks="Is the NVLink fabric up and healthy?",
    fix="Start nvidia-fabricmanager in the version of the driver, and check the switches.",
)


def fabric(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.fabric
    wanted = (at.profile is None or at.profile.fabric.value) and at.policy.fabric
    if not wanted and (isinstance(told.state, Unread) or told.state == "not-supported"):
        return
    yield from at.needs("the state of its NVLink fabric", told.state)
    if isinstance(told.state, Unread):
        return
    if told.state != _FABRIC_UP:
        yield at.fails(f"its NVLink fabric is {told.state}", "state")
        return
    yield from at.needs("how joining the NVLink fabric ended", told.status)
    yield from at.needs("the health of its NVLink fabric", told.ills)
    if not isinstance(told.status, Unread) and told.status:
        yield at.fails(f"joining the NVLink fabric ended with the code {told.status}", "status")
    if not isinstance(told.ills, Unread):
        for ill in told.ills:
            yield at.fails(f"its NVLink fabric reports {ill}", ill)
