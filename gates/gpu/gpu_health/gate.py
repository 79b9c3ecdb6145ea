"""Is every GPU of the node healthy, cool, fast, connected, and set as the policy wants it?

Why: A GPU that lost memory rows, a link or half of its clocks still computes, but slowly, or sometimes wrongly. A counter that
the driver does not report looks like zero errors, unless the check asks whether it was reported.

Judged: nineteen questions about every device: identity, memory size, error correction and errors, spare rows and retired pages,
wear, heat, reasons for lower clocks, power limit, PCIe and NVLink, the fabric, multi-instance mode, persistence and compute
mode, processes, firmware. A signal that could not be read is UNKNOWN, so RED. Only the capability profile of the device's kind
says what does not apply to it. The policy says which signals are optional. A kind without a profile is RED, in one finding:
what it does not report is no further one.

Fix: Each finding names the device, what was seen and what to do. Errors that come back after a reset are hardware errors: run
NVIDIA's field diagnosis and have the device replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Outcome, Rule
from arcops.gate import gate
from arcops.seen.gpu import Gpu, Gpus, Unread
from arcops.seen.gpu_profile import GpuProfiles, Profile
from arcops.subjects.gpu import Node
from gates.gpu.gpu_health import links, memory, modes, strain
from gates.gpu.gpu_health.device import DeviceProblem, JudgedDevice, fix_for, over_time, said
from gates.gpu.gpu_health.policy import GpuHealthPolicy
from gates.listing import listed

IDENTITY = Rule(
    id="gpu-health/identity",
    asks="Does every GPU report its identity, and is each identity unique?",
    fix="A GPU that reports no identity is faulty, or the user may not read it: check dmesg, reset the GPU, or run as root.",
)

PROFILE = Rule(
    id="gpu-health/profile",
    asks="Is there a capability profile for every kind of GPU here?",
    fix="Add a profile with sources under 'profiles' of gate 'gpu-health', as docs/gpu-health.md shows.",
)

Check = Callable[[JudgedDevice], Iterator[DeviceProblem]]

Looks = tuple[JudgedDevice, JudgedDevice]
"""One device as it was when the check began, and when it ended."""

_CHECKS: tuple[tuple[Rule, Check, str], ...] = (
    (modes.STEADY, modes.steady, "Every GPU answered until the end, and none needs a reset."),
    (memory.MEMORY_SIZE, memory.size, "Every GPU has the memory of its kind."),
    (memory.ECC_MODE, memory.mode, "Error correction is on for every device that has it."),
    (memory.ECC_ERRORS, memory.errors, "There is no memory error that the policy counts."),
    (memory.SPARES, memory.spares, "All failed memory was replaced, and spares are left."),
    (memory.WEAR, memory.wear, "No device is worn beyond its vendor's threshold."),
    (strain.HEAT, strain.heat, "Every GPU is cool enough."),
    (strain.CLOCKS, strain.clocks, "No GPU is slowed down."),
    (strain.POWER, strain.power, "Every GPU may draw its standard power."),
    (links.PCIE_LINK, links.pcie_link, "Every PCIe link is as the policy wants it."),
    (links.PCIE_ERRORS, links.pcie_errors, "No PCIe link has errors that the policy counts."),
    (links.NVLINK, links.nvlink, "Every NVLink that must be up is up and clean."),
    (links.FABRIC, links.fabric, "The NVLink fabric is up and healthy on every device that must have one."),
    (modes.MIG, modes.mig, "Multi-instance GPU is as the policy wants it."),
    (modes.MODES, modes.modes, "Persistence and compute modes are as the policy wants them."),
    (modes.PROCESSES, modes.processes, "No process that the policy counts uses a GPU."),
    (modes.FIRMWARE, modes.firmware, "VBIOS and InfoROM are known, intact and new enough."),
)


@gate(
    "gpu-health",
    judges=(Node,),
    needs=(Gpus, GpuProfiles),
    policy=GpuHealthPolicy,
    rules=(IDENTITY, PROFILE, *(rule for rule, _, _ in _CHECKS)),
    speaks_to=nist("SI-13") + soc("A1.1"),
)
def gpu_health(seen: Seen, policy: GpuHealthPolicy) -> Iterator[Finding]:
    gpus, shipped = seen[Gpus], seen[GpuProfiles]
    pairs = zip(gpus.body.devices, gpus.body.later, strict=True)
    devices = [(_device(first, shipped.body, policy), _device(later, shipped.body, policy)) for first, later in pairs]
    yield from _identities(devices, gpus)
    yield from _profiles([first for first, _ in devices], gpus, shipped)
    for rule, check, good in _CHECKS:
        yield from _each(rule, check, good, devices, gpus, shipped)


def _device(gpu: Gpu, shipped: GpuProfiles, policy: GpuHealthPolicy) -> JudgedDevice:
    return JudgedDevice(gpu=gpu, profile=_profile(gpu.identity.name, shipped, policy), policy=policy)


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
    without: Counter[str] = Counter()
    problems: list[tuple[JudgedDevice, DeviceProblem]] = []
    for first, later in devices:
        for problem in over_time(said(check(first)), said(check(later))):
            if problem.outcome is Outcome.PASS:
                without[f"{problem.text}; {problem.excuse}"] += 1
            else:
                problems.append((first, problem))
    findings = (_finding(rule, device, problem, gpus, shipped) for device, problem in problems)
    yield from listed(findings, rule.passes(good, gpus, shipped), rest="There are {count} more findings of this rule.")
    for text, count in without.items():
        yield rule.passes(f"{count} GPU(s): {text}.", gpus, shipped)


def _finding(
    rule: Rule, device: JudgedDevice, problem: DeviceProblem, gpus: Evidence[Gpus], shipped: Evidence[GpuProfiles]
) -> Finding:
    about = f"{device.label}: {problem.key}" if problem.key else device.label
    text = f"{device.label}: {problem.text}."
    if problem.outcome is Outcome.FAIL:
        return rule.fails(text, gpus, shipped, about=about)
    if problem.outcome is Outcome.WARN:
        return rule.warns(text, gpus, shipped, about=about)
    return rule.unknown(text, gpus, shipped, about=about, fix=fix_for(problem))


def _identities(devices: list[Looks], gpus: Evidence[Gpus]) -> Iterator[Finding]:
    clean = True
    for first, later in devices:
        for problem in over_time(said(modes.identity(first)), said(modes.identity(later))):
            if problem.outcome is Outcome.PASS:
                yield IDENTITY.passes(f"{first.label}: {problem.text}; {problem.excuse}.", gpus)
                continue
            clean = False
            about = f"{first.label}: {problem.key}"
            yield IDENTITY.unknown(f"{first.label}: {problem.text}.", gpus, about=about, fix=fix_for(problem))
    for what in ("uuid", "pci"):
        told = [getattr(first.gpu.identity, what) for first, _ in devices]
        for value, count in Counter(value for value in told if not isinstance(value, Unread)).items():
            if count > 1:
                clean = False
                yield IDENTITY.fails(f"{count} devices report the same identity: {value}.", gpus, about=value)
    if clean:
        yield IDENTITY.passes(f"{len(devices)} GPU(s) report an identity, and each is unique.", gpus)


def _profiles(devices: list[JudgedDevice], gpus: Evidence[Gpus], shipped: Evidence[GpuProfiles]) -> Iterator[Finding]:
    clean = True
    for device in devices:
        name = device.gpu.identity.name
        if device.profile is None:
            clean = False
            why = name.said if isinstance(name, Unread) else f"no profile names {name!r}"
            text = f"{device.label} has no capability profile: {why}. So it is not known what it should have and report."
            yield PROFILE.unknown(text, gpus, shipped, about=device.label)
    if clean:
        kinds = ", ".join(sorted({device.profile.sku for device in devices if device.profile is not None}))
        yield PROFILE.passes(f"The devices are judged by the profiles of {kinds}.", gpus, shipped)
