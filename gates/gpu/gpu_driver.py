"""Does an NVIDIA driver of a version that the policy accepts answer on this node, for every installed GPU?

Why: A check of GPUs that finds no driver, a driver that hangs, or fewer GPUs than are installed knows nothing about the missing
ones. A tool that then reports "no errors" reports only that it saw nothing.

Judged: that the driver's library loads and answers; that it counts at least one GPU, as many as the policy expects and as many
as the kernel sees on the PCI bus; that the fabric manager runs if there are NVLink switches; the driver's version and the CUDA
version it runs; and confidential computing, as the policy wants it.
If the driver does not answer, each finding begins with BLOCKED: nothing could be judged, so the node is RED.

Fix: Install and load the driver version that the policy names, and run the check as a user who may use the devices. A GPU that
is on the bus but not counted by the driver is lost: check the kernel's messages, reset the GPU or have it replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from arcops.control import nist
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.seen.gpu import Confidential, DriverState, GpuDriver, Gpus, Unread, Why
from arcops.seen.gpu_fabric import GpuFabric
from arcops.subjects.gpu import Node
from arcops.verdict import Verdict
from gates.breach import Weight, doubted, weighed
from gates.gpu.versions import cuda_number, cuda_text, version

ANSWERS = Rule(
    id="gpu-driver/answers",
    asks="Does an NVIDIA driver answer on this node?",
    fix="Install and load NVIDIA's driver, give the container its devices and library, and check again.",
)
DEVICES = Rule(
    id="gpu-driver/devices",
    asks="Does the driver count as many GPUs as the policy expects?",
    fix="Find the missing GPU in the kernel's messages (dmesg) and on the bus (lspci); reset it or have it replaced.",
)
BUS = Rule(
    id="gpu-driver/bus",
    asks="Does the driver count every NVIDIA GPU that is on the PCI bus?",
    fix="The driver has lost a GPU that is on the bus: check dmesg, reboot, or have the GPU replaced.",
)
FABRIC = Rule(
    id="gpu-driver/fabric-manager",
    asks="If NVLink switches are on the PCI bus, does NVIDIA's fabric manager run?",
    fix="Start nvidia-fabricmanager, of the same version as the driver: before it has run, CUDA fails with error 802.",
)
VERSION = Rule(
    id="gpu-driver/version",
    asks="Does the policy accept the driver's version?",
    fix="Install at least the driver version that 'leastDriver' of gate 'gpu-driver' names.",
)
CUDA = Rule(
    id="gpu-driver/cuda",
    asks="Does the driver support the CUDA version that the policy needs?",
    fix="Install a newer driver that supports at least the CUDA version that 'leastCuda' of gate 'gpu-driver' names.",
)
CONFIDENTIAL = Rule(
    id="gpu-driver/confidential",
    asks="Is confidential computing as the policy wants it, and closed to developer tools?",
    fix="Set the mode with 'nvidia-smi conf-compute' on the host, and keep developer tools off.",
)


_ON_A_BOARD = 8
"""GPUs on one board with NVLink switches (HGX-2, HGX A100 8-GPU, HGX H100 8-GPU and later; boards of four have no switch)."""
_JOINED = "completed"


class Confidentiality(Enum):
    """What the policy wants of confidential computing. ``ANY`` accepts on or off, but never on with developer tools."""

    ON = "on"
    OFF = "off"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDriverPolicy:
    """``devices`` is how many GPUs the node must have; 0 accepts any number above zero. ``least_driver`` (``580.65.06``) and
    ``least_cuda`` (``12.4``) may be empty, for any. ``unseen_bus`` says how grave it is that the PCI bus cannot be read, and
    ``more_on_bus`` that more GPUs are on it than the driver counts, as in a container that was given only some of them.
    ``unseen_manager`` is for a place from which it cannot be seen if the fabric manager runs, such as a container.
    """

    devices: int = 0
    least_driver: str = ""
    least_cuda: str = ""
    confidential: Confidentiality = Confidentiality.ANY
    unseen_bus: Weight = Weight.FAIL
    more_on_bus: Weight = Weight.FAIL
    unseen_manager: Weight = Weight.FAIL

    def __post_init__(self) -> None:
        if self.devices < 0:
            raise Refused(f"the policy of gate 'gpu-driver' expects {self.devices} GPUs; use 0 or more")
        if self.least_driver and version(self.least_driver) is None:
            raise Refused(f"'leastDriver' of gate 'gpu-driver' is {self.least_driver[:50]!r}; write it as 580.65.06")
        if self.least_cuda:
            cuda_number(self.least_cuda)


def answering() -> GpuDriver:
    """A driver that answers for one GPU."""
    return GpuDriver(
        state=DriverState.ANSWERS,
        said="The driver answers.",
        version="580.95.05",
        cuda=13000,
        devices=1,
        on_bus=1,
        confidential=Confidential(capable=True, on=False, environment="unavailable", debuggable=False),
    )


def silent(state: DriverState = DriverState.NO_LIBRARY) -> GpuDriver:
    """A node on which no driver answers."""
    nothing = Unread(why=Why.FAILED, said="no driver answers")
    return GpuDriver(
        state=state,
        said="There is no NVIDIA driver library (libnvidia-ml.so.1) on this node.",
        version=nothing,
        cuda=nothing,
        devices=nothing,
        on_bus=0,
        confidential=Confidential(capable=nothing, on=nothing, environment=nothing, debuggable=nothing),
    )


def unswitched() -> GpuFabric:
    """A node without NVLink switches."""
    return GpuFabric(switches=0, manager=Unread(why=Why.UNSUPPORTED, said="there is no switch to manage"))


def managed() -> GpuFabric:
    """A node with the switches of an HGX A100, and their manager."""
    return GpuFabric(switches=6, manager=True)


def examples() -> Iterator[Example[GpuDriverPolicy]]:
    good = answering()
    unseen = Unread(why=Why.FORBIDDEN, said="/sys/bus/pci/devices may not be read")

    def example(
        name: str, verdict: Verdict, body: GpuDriver, policy: GpuDriverPolicy | None = None, fabric: GpuFabric | None = None
    ) -> Example[GpuDriverPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body, fabric or unswitched()), policy=policy or GpuDriverPolicy())

    yield example("A driver answers for the one GPU on the bus", Verdict.GREEN, good)
    yield example(
        "The bus cannot be read, which is a warning by the policy",
        Verdict.AMBER,
        replace(good, on_bus=unseen),
        GpuDriverPolicy(unseen_bus=Weight.WARN),
    )
    yield example("There is no driver", Verdict.RED, silent())
    yield example("The driver answers but has no GPU", Verdict.RED, replace(good, devices=0, on_bus=0))
    yield example("The driver has lost one of two GPUs on the bus", Verdict.RED, replace(good, on_bus=2))
    yield example("The node should have eight GPUs", Verdict.RED, good, GpuDriverPolicy(devices=8))
    yield example("The driver is too old", Verdict.RED, good, GpuDriverPolicy(least_driver="590.10"))
    eight = replace(good, devices=8, on_bus=8)
    yield example("Switches, and their manager", Verdict.GREEN, eight, fabric=managed())
    yield example("Switches without their manager", Verdict.RED, eight, fabric=GpuFabric(switches=6, manager=False))
    yield example("Seven GPUs on a board for eight", Verdict.RED, replace(good, devices=7, on_bus=7), fabric=managed())
    debuggable = replace(good.confidential, on=True, environment="production", debuggable=True)
    yield example("Confidential computing with developer tools", Verdict.RED, replace(good, confidential=debuggable))


@gate(
    "gpu-driver",
    judges=(Node,),
    needs=(GpuDriver, GpuFabric),
    wants=(Gpus,),
    policy=GpuDriverPolicy,
    rules=(ANSWERS, DEVICES, BUS, FABRIC, VERSION, CUDA, CONFIDENTIAL),
    examples=examples,
    speaks_to=nist("CM-6", "SI-2"),
)
def gpu_driver(seen: Seen, policy: GpuDriverPolicy) -> Iterator[Finding]:
    found, fabric, gpus = seen[GpuDriver], seen[GpuFabric], seen.get(Gpus)
    body = found.body
    if body.state is not DriverState.ANSWERS:
        yield ANSWERS.unknown(f"BLOCKED: {body.said}", found)
        for rule in (DEVICES, BUS, FABRIC, VERSION, CUDA, CONFIDENTIAL):
            yield rule.unknown("BLOCKED: no driver answers, so this is unknown.", found, fix=ANSWERS.fix)
        return
    yield ANSWERS.passes(body.said, found)
    yield _devices(found, fabric, policy)
    yield _bus(found, policy)
    yield _managed(fabric, gpus, policy)
    yield _version(found, policy)
    yield _cuda(found, policy)
    yield _confidential(found, policy)


def _devices(found: Evidence[GpuDriver], fabric: Evidence[GpuFabric], policy: GpuDriverPolicy) -> Finding:
    count = found.body.devices
    if isinstance(count, Unread):
        return DEVICES.unknown(f"BLOCKED: the driver cannot count its GPUs: {count.said}.", found)
    if not count:
        return DEVICES.unknown("BLOCKED: the driver answers but has no GPU.", found)
    if policy.devices and count != policy.devices:
        return DEVICES.fails(f"The driver counts {count} GPU(s); the policy expects {policy.devices}.", found)
    if policy.devices:
        return DEVICES.passes(f"The driver counts {count} GPU(s), as the policy expects.", found)
    switches, on_bus = fabric.body.switches, found.body.on_bus
    if not isinstance(switches, Unread) and switches and not isinstance(on_bus, Unread) and on_bus % _ON_A_BOARD:
        text = (
            f"The driver counts {count} GPU(s), and {on_bus} are on the PCI bus, beside {switches} NVLink switch(es):"
            f" boards with switches have {_ON_A_BOARD} GPUs. If fewer are right here, set 'devices'."
        )
        return DEVICES.fails(text, found, fabric)
    text = (
        f"The driver counts {count} GPU(s). The policy does not say how many the node must have ('devices'), so a GPU that is"
        " gone from driver and bus is not missed."
    )
    return DEVICES.passes(text, found)


def _bus(found: Evidence[GpuDriver], policy: GpuDriverPolicy) -> Finding:
    on_bus, count = found.body.on_bus, found.body.devices
    if isinstance(on_bus, Unread):
        text = f"Which GPUs are on the PCI bus is not known: {on_bus.said}."
        return doubted(BUS, policy.unseen_bus, text, found)
    if isinstance(count, Unread):
        return BUS.unknown(f"{on_bus} GPU(s) are on the PCI bus, but the driver cannot count its GPUs: {count.said}.", found)
    if on_bus > count:
        text = f"{on_bus} NVIDIA GPU(s) are on the PCI bus, but the driver counts {count}."
        return weighed(BUS, policy.more_on_bus, text, found)
    if on_bus < count:
        return BUS.unknown(f"The driver counts {count} GPU(s), but the kernel lists {on_bus}; one of them is wrong.", found)
    return BUS.passes(f"The driver counts every one of the {on_bus} GPU(s) on the PCI bus.", found)


def _managed(fabric: Evidence[GpuFabric], gpus: Evidence[Gpus] | None, policy: GpuDriverPolicy) -> Finding:
    switches, manager = fabric.body.switches, fabric.body.manager
    if isinstance(switches, Unread):
        return doubted(FABRIC, policy.unseen_bus, f"Whether there are NVLink switches is not known: {switches.said}.", fabric)
    if not switches:
        return FABRIC.passes("There is no NVLink switch on the PCI bus.", fabric)
    if manager is True:
        return FABRIC.passes(f"There are {switches} NVLink switch(es), and the fabric manager runs.", fabric)
    if gpus is not None and all(device.fabric.state == _JOINED for device in (*gpus.body.devices, *gpus.body.later)):
        return FABRIC.passes(f"There are {switches} NVLink switch(es), and every GPU has joined their fabric.", fabric, gpus)
    if isinstance(manager, Unread):
        text = f"There are {switches} NVLink switch(es), and if their fabric manager runs is not known: {manager.said}."
        return doubted(FABRIC, policy.unseen_manager, text, fabric)
    return FABRIC.fails(f"There are {switches} NVLink switch(es), and no fabric manager runs, so CUDA cannot start.", fabric)


def _version(found: Evidence[GpuDriver], policy: GpuDriverPolicy) -> Finding:
    said = found.body.version
    if isinstance(said, Unread):
        return VERSION.unknown(f"The driver's version is not known: {said.said}.", found)
    have = version(said)
    if have is None:
        return VERSION.unknown(f"The driver reports the version {said!r}, which is not a version number.", found)
    least = version(policy.least_driver)
    if least is not None and have < least:
        return VERSION.fails(f"The driver is {said}; the policy needs {policy.least_driver}.", found)
    return VERSION.passes(f"The driver is {said}.", found)


def _cuda(found: Evidence[GpuDriver], policy: GpuDriverPolicy) -> Finding:
    have = found.body.cuda
    if isinstance(have, Unread):
        return CUDA.unknown(f"The CUDA version that the driver supports is not known: {have.said}.", found)
    if policy.least_cuda and have < cuda_number(policy.least_cuda):
        return CUDA.fails(f"The driver supports CUDA up to {cuda_text(have)}; the policy needs {policy.least_cuda}.", found)
    return CUDA.passes(f"The driver supports CUDA up to {cuda_text(have)}.", found)


def _confidential(found: Evidence[GpuDriver], policy: GpuDriverPolicy) -> Finding:
    state = found.body.confidential
    wanted = policy.confidential
    if isinstance(state.on, Unread):
        # A feature that the driver does not support is off. Every other missing answer leaves open whether it is on.
        if state.on.why in (Why.UNSUPPORTED, Why.NO_SYMBOL) and wanted is not Confidentiality.ON:
            return CONFIDENTIAL.passes(f"The driver does not support confidential computing ({state.on.said}).", found)
        return CONFIDENTIAL.unknown(f"Whether confidential computing is on is not known: {state.on.said}.", found)
    if not state.on:
        if wanted is Confidentiality.ON:
            return CONFIDENTIAL.fails("Confidential computing is off, but the policy wants it on.", found)
        return CONFIDENTIAL.passes("Confidential computing is off.", found)
    if wanted is Confidentiality.OFF:
        return CONFIDENTIAL.fails("Confidential computing is on, but the policy wants it off.", found)
    for signal in (state.debuggable, state.environment):
        if isinstance(signal, Unread):
            return CONFIDENTIAL.unknown(f"Confidential computing is on, but its mode is not known: {signal.said}.", found)
    if state.debuggable:
        return CONFIDENTIAL.fails("Confidential computing is on with developer tools, which can read its data.", found)
    if state.environment != "production":
        return CONFIDENTIAL.fails(
            f"Confidential computing is on in the environment {state.environment!r}, not in production.", found
        )
    return CONFIDENTIAL.passes("Confidential computing is on, in production mode.", found)
