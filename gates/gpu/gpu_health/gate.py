"""Is every GPU of the node whole, cool, fast, well joined and set as the policy wants it?

Why: A GPU that lost memory rows, a link or half of its clocks still computes: slowly, or now and then wrongly. What a driver
cannot or will not tell looks like zero errors to whoever does not ask whether it was told.

Judged: nineteen questions of every device: identity, memory size, error correction and errors, spare rows and retired pages,
wear, heat, reasons for lower clocks, power limit, PCIe and NVLink, the fabric, multi-instance mode, persistence and compute
mode, processes, firmware. A signal that could not be read is UNKNOWN, so RED. Only the capability profile of the device's kind
says what does not apply to it; the policy says what it does without. A kind without a profile is RED.

Fix: Each finding names the device, what was seen and what to do. Errors that come back after a reset are of the hardware: run
NVIDIA's field diagnosis and have the device replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Outcome, Rule
from arcops.gate import gate
from arcops.seen.gpu import Gpu, Gpus, Unread
from arcops.seen.gpu_profile import GpuProfiles, Profile
from arcops.subjects.gpu import Node
from gates.gpu.gpu_health import links as _gpu_links
from gates.gpu.gpu_health import memory as _gpu_memory
from gates.gpu.gpu_health import modes as _gpu_modes
from gates.gpu.gpu_health import rules
from gates.gpu.gpu_health import strain as _gpu_strain
from gates.gpu.gpu_health.device import Device, Problem, mend, over_time, said
from gates.gpu.gpu_health.policy import GpuHealthPolicy
from gates.words import capped

Check = Callable[[Device], Iterator[Problem]]

Looks = tuple[Device, Device]
"""One device as it was when the check began, and at its end."""

_CHECKS: tuple[tuple[Rule, Check, str], ...] = (
    (rules.STEADY, _gpu_modes.steady, "Every GPU answered to the end, and none needs to be reset."),
    (rules.MEMORY_SIZE, _gpu_memory.size, "Every GPU has the memory of its kind."),
    (rules.ECC_MODE, _gpu_memory.mode, "Error correction is on wherever a device has it."),
    (rules.ECC_ERRORS, _gpu_memory.errors, "No memory error that the policy counts."),
    (rules.SPARES, _gpu_memory.spares, "All memory that failed was replaced, and spares are left."),
    (rules.WEAR, _gpu_memory.wear, "No device is worn beyond its vendor's threshold."),
    (rules.HEAT, _gpu_strain.heat, "Every GPU is cool enough."),
    (rules.CLOCKS, _gpu_strain.clocks, "No GPU is slowed down."),
    (rules.POWER, _gpu_strain.power, "Every GPU may draw its standard power."),
    (rules.PCIE_LINK, _gpu_links.pcie_link, "Every PCIe link is as the policy wants it."),
    (rules.PCIE_ERRORS, _gpu_links.pcie_errors, "No PCIe link has errors that the policy counts."),
    (rules.NVLINK, _gpu_links.nvlink, "Every NVLink that must be up is up and clean."),
    (rules.FABRIC, _gpu_links.fabric, "The NVLink fabric is up and healthy wherever there must be one."),
    (rules.MIG, _gpu_modes.mig, "Multi-instance GPU is as the policy wants it."),
    (rules.MODES, _gpu_modes.modes, "Persistence and compute modes are as the policy wants them."),
    (rules.PROCESSES, _gpu_modes.processes, "No process that the policy counts uses a GPU."),
    (rules.FIRMWARE, _gpu_modes.firmware, "VBIOS and InfoROM are known, intact and new enough."),
)


@gate("gpu-health", judges=(Node,), needs=(Gpus, GpuProfiles), policy=GpuHealthPolicy, rules=rules.RULES)
def gpu_health(seen: Seen, policy: GpuHealthPolicy) -> Iterator[Finding]:
    gpus, shipped = seen[Gpus], seen[GpuProfiles]
    pairs = zip(gpus.body.devices, gpus.body.later, strict=True)
    devices = [(_device(first, shipped.body, policy), _device(later, shipped.body, policy)) for first, later in pairs]
    yield from _identities(devices, gpus)
    yield from _profiles([first for first, _ in devices], gpus, shipped)
    for rule, check, good in _CHECKS:
        yield from _each(rule, check, good, devices, gpus, shipped)


def _device(gpu: Gpu, shipped: GpuProfiles, policy: GpuHealthPolicy) -> Device:
    return Device(gpu=gpu, profile=_profile(gpu.identity.name, shipped, policy), policy=policy)


def _profile(name: object, shipped: GpuProfiles, policy: GpuHealthPolicy) -> Profile | None:
    for profile in (*policy.profiles, *shipped.profiles):
        if name in profile.names:
            return profile
    return None


def _each(
    rule: Rule,
    check: Check,
    good: str,
    devices: list[Looks],
    gpus: Evidence[Gpus],
    shipped: Evidence[GpuProfiles],
) -> Iterator[Finding]:
    bad = False
    without: Counter[str] = Counter()
    problems: list[tuple[Device, Problem]] = []
    for first, later in devices:
        for problem in over_time(said(check(first)), said(check(later))):
            if problem.outcome is Outcome.PASS:
                without[problem.text] += 1
            else:
                problems.append((first, problem))
    findings = (_finding(rule, device, problem, gpus, shipped) for device, problem in problems)
    for finding in capped(findings, "There are {count} more findings of this rule."):
        bad = True
        yield finding
    if not bad:
        yield rule.passes(good, gpus, shipped)
    for text, count in without.items():
        yield rule.passes(f"Of {count} GPU(s) {text}; the policy does without.", gpus, shipped)


def _finding(rule: Rule, device: Device, problem: Problem, gpus: Evidence[Gpus], shipped: Evidence[GpuProfiles]) -> Finding:
    about = f"{device.label}: {problem.key}" if problem.key else device.label
    text = f"{device.label}: {problem.text}."
    if problem.outcome is Outcome.FAIL:
        return rule.fails(text, gpus, shipped, about=about)
    if problem.outcome is Outcome.WARN:
        return rule.warns(text, gpus, shipped, about=about)
    return rule.unknown(text, gpus, shipped, about=about, fix=mend(problem))


def _identities(devices: list[Looks], gpus: Evidence[Gpus]) -> Iterator[Finding]:
    clean = True
    for first, later in devices:
        for problem in over_time(said(_gpu_modes.identity(first)), said(_gpu_modes.identity(later))):
            if problem.outcome is Outcome.PASS:
                yield rules.IDENTITY.passes(f"{first.label}: {problem.text}; the policy does without.", gpus)
                continue
            clean = False
            about = f"{first.label}: {problem.key}"
            yield rules.IDENTITY.unknown(f"{first.label}: {problem.text}.", gpus, about=about, fix=mend(problem))
    for what in ("uuid", "pci"):
        told = [getattr(first.gpu.identity, what) for first, _ in devices]
        for value, count in Counter(value for value in told if not isinstance(value, Unread)).items():
            if count > 1:
                clean = False
                yield rules.IDENTITY.fails(f"{count} devices say that they are {value}.", gpus, about=value)
    if clean:
        yield rules.IDENTITY.passes(f"{len(devices)} GPU(s) say who they are, each another one.", gpus)


def _profiles(devices: list[Device], gpus: Evidence[Gpus], shipped: Evidence[GpuProfiles]) -> Iterator[Finding]:
    clean = True
    for device in devices:
        name = device.gpu.identity.name
        if device.profile is None:
            clean = False
            why = name.said if isinstance(name, Unread) else f"nobody knows what a {name!r} can do"
            text = f"{device.label} has no capability profile: {why}."
            yield rules.PROFILE.unknown(text, gpus, shipped, about=device.label)
    if clean:
        kinds = ", ".join(sorted({device.profile.sku for device in devices if device.profile is not None}))
        yield rules.PROFILE.passes(f"The devices are judged by the profiles of {kinds}.", gpus, shipped)
