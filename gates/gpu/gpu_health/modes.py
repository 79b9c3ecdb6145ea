"""Judging a device's identity, whether it keeps answering, and its settings."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Rule
from arcops.seen.gpu import Unread
from arcops.seen.gpu_profile import Area
from gates.breach import Weight
from gates.gpu.gpu_health.device import DeviceProblem, JudgedDevice
from gates.gpu.gpu_health.policy import MigMode, Signal
from gates.gpu.versions import firmware as parsed


def identity(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.identity
    yield from at.needs("its name", told.name)
    yield from at.needs("its UUID", told.uuid)
    yield from at.needs("its place on the bus", told.pci)
    yield from at.needs("its serial number", told.serial, spare=Signal.SERIAL)
    yield from at.needs("its part number", told.part, spare=Signal.PART_NUMBER)


STEADY = Rule(
    id="gpu-health/steady",
    asks="Did every GPU still answer at the end of the check, and does none need a reset?",
    fix="Do what the driver asks for (reset the GPU, reboot the node). If the GPU is lost again, have it replaced.",
)


def steady(at: JudgedDevice) -> Iterator[DeviceProblem]:
    yield from at.needs("whether it still answers", at.gpu.same)
    if at.gpu.same is False:
        yield at.fails("another device answers in its place")
    yield from at.needs("what it needs to recover", at.gpu.recovery, spare=Signal.RECOVERY)
    if not isinstance(at.gpu.recovery, Unread) and at.gpu.recovery != "none":
        yield at.fails(f"the driver asks for this recovery: {at.gpu.recovery}", "recovery")


MIG = Rule(
    id="gpu-health/mig",
    asks="Is multi-instance GPU as the policy wants it, now and after the next reset?",
    fix="Set the mode with 'nvidia-smi -mig', create the instances, or let the GPU operator's MIG manager do it.",
)


def mig(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told, wanted = at.gpu.mig, at.policy.mig
    divisible = at.profile is None or at.profile.mig_instances.value > 0
    if not divisible and isinstance(told.on, Unread):
        if wanted is MigMode.ON:
            yield at.fails("the policy wants MIG on, but this kind of GPU has no MIG", "kind")
        return
    yield from at.needs("whether it is divided (MIG)", told.on)
    yield from at.needs("whether it will be divided (MIG) after the next reset", told.on_after_reset)
    if isinstance(told.on, Unread):
        return
    if not isinstance(told.on_after_reset, Unread) and told.on is not told.on_after_reset:
        yield at.fails("its MIG mode will change at the next reset", "pending")
    if told.on and wanted is MigMode.OFF:
        yield at.fails("MIG is on, but the policy wants it off", "on")
    elif not told.on and wanted is MigMode.ON:
        yield at.fails("MIG is off, but the policy wants it on", "off")
    if told.on:
        yield from _instances(at)


def _instances(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.mig
    yield from at.needs("which MIG instances it has", told.instances)
    if isinstance(told.instances, Unread):
        return
    if len(told.instances) < at.policy.least_instances:
        yield at.fails(
            f"it has {len(told.instances)} MIG instance(s); at least {at.policy.least_instances} needed", "instances"
        )
    if at.profile is not None and len(told.instances) > at.profile.mig_instances.value:
        yield at.fails(f"it reports {len(told.instances)} MIG instances, more than its kind can have", "too many")
    for number, instance in enumerate(told.instances):
        yield from at.needs(f"MIG instance {number}", instance.uuid, instance.memory)


MODES = Rule(
    id="gpu-health/modes",
    asks="Are persistence and compute mode as the policy wants them?",
    fix="Start nvidia-persistenced; set the compute mode with 'nvidia-smi -c'.",
)


def modes(at: JudgedDevice) -> Iterator[DeviceProblem]:
    gpu = at.gpu
    yield from at.needs("its persistence mode", gpu.persistence)
    if gpu.persistence is False and at.policy.persistence is not Weight.PASS:
        yield DeviceProblem(outcome=at.policy.persistence.outcome, text="its persistence mode is off", key="persistence")
    yield from at.needs("its compute mode", gpu.compute_mode)
    if not isinstance(gpu.compute_mode, Unread) and gpu.compute_mode not in at.policy.compute_modes:
        yield at.fails(f"its compute mode is {gpu.compute_mode}", "compute")


PROCESSES = Rule(
    id="gpu-health/processes",
    asks="Are the GPUs free of processes that use them?",
    fix="End the processes that 'nvidia-smi' lists, or allow them with 'processes' of gate 'gpu-health'.",
)


def processes(at: JudgedDevice) -> Iterator[DeviceProblem]:
    count = at.gpu.processes
    yield from at.needs("whether somebody uses it", count)
    if not isinstance(count, Unread) and count and at.policy.processes is not Weight.PASS:
        yield DeviceProblem(outcome=at.policy.processes.outcome, text=f"{count} process(es) already use it")


FIRMWARE = Rule(
    id="gpu-health/firmware",
    asks="Are VBIOS and InfoROM known, intact and as new as the policy needs?",
    fix="Update the firmware with the vendor's tool; have a device with a corrupted InfoROM replaced.",
)


def firmware(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.identity
    yield from at.needs("its VBIOS version", told.vbios, area=Area.FIRMWARE)
    yield from at.needs("its InfoROM version", told.inforom, spare=Signal.INFOROM, area=Area.FIRMWARE)
    yield from at.needs("whether its InfoROM is intact", told.inforom_intact, spare=Signal.INFOROM, area=Area.FIRMWARE)
    if told.inforom_intact is False:
        yield at.fails("its InfoROM is corrupted", "inforom")
    for needed in at.policy.firmware:
        if at.profile is None or needed.sku != at.profile.sku:
            continue
        if needed.least_vbios and not isinstance(told.vbios, Unread):
            have, least = parsed(told.vbios), parsed(needed.least_vbios)
            if have is None or (least is not None and have < least):
                yield at.fails(f"its VBIOS is {told.vbios}; the policy needs {needed.least_vbios}", "vbios")
        if needed.inforoms and not isinstance(told.inforom, Unread) and told.inforom not in needed.inforoms:
            yield at.fails(f"its InfoROM is {told.inforom}; the policy needs {' or '.join(needed.inforoms)}", "inforom version")
