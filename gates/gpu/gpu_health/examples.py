"""Examples of the gate ``gpu-health``: documentation and tests at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.gate import Example
from arcops.seen.gpu import Gpu, Gpus, Unread, Why
from arcops.seen.gpu_profile import GpuProfiles
from arcops.verdict import Verdict
from gates.gpu.gpu_health.policy import GpuHealthPolicy, MigMode
from gates.gpu.healthy import device, healthy, profile


def examples() -> Iterator[Example[GpuHealthPolicy]]:
    good = device()
    _, known = healthy()

    def example(
        name: str,
        verdict: Verdict,
        *gpus: Gpu,
        later: tuple[Gpu, ...] = (),
        policy: GpuHealthPolicy | None = None,
        profiles: GpuProfiles = known,
    ) -> Example[GpuHealthPolicy]:
        seen = Gpus(devices=gpus, later=later or gpus, events=(), watched=True)
        return Example(name=name, verdict=verdict, evidence=(seen, profiles), policy=policy or GpuHealthPolicy())

    yield example("Eight healthy GPUs", Verdict.GREEN, *(device(index) for index in range(8)))
    replays = replace(good, pcie=replace(good.pcie, replays=3))
    yield example("PCIe had to repeat three transfers", Verdict.AMBER, replays)
    resting = replace(good, pcie=replace(good.pcie, generation=1))
    yield example("The PCIe link is slow while the GPU is idle", Verdict.AMBER, resting)
    unknown = GpuProfiles(names=known.names, profiles=())
    yield example("There is no profile of this kind of GPU", Verdict.RED, good, profiles=unknown)
    own = GpuHealthPolicy(profiles=(profile(),))
    yield example("Only the policy has a profile of this kind of GPU", Verdict.GREEN, good, policy=own, profiles=unknown)
    failed = replace(good, memory=replace(good.memory, rows=replace(good.memory.rows, failed=True)))
    yield example("Remapping a memory row failed", Verdict.RED, failed)
    blank = Unread(why=Why.BLANK, said="nvmlDeviceGetRemappedRows answered 0xffffffff, which is no value")
    unread = replace(good, memory=replace(good.memory, rows=replace(good.memory.rows, failed=blank)))
    yield example("The driver gave no value for failed row remappings", Verdict.RED, unread)
    errors = tuple(found for found in good.memory.errors if found.location != "sram")
    uncounted = replace(good, memory=replace(good.memory, errors=errors))
    yield example("The errors of the SRAM were not counted", Verdict.RED, uncounted)
    links = good.nvlinks if isinstance(good.nvlinks, tuple) else ()
    dead = replace(good, nvlinks=(links[0], replace(links[1], active=False)))
    yield example("An NVLink is down", Verdict.RED, dead)
    slow = replace(good, clocks=replace(good.clocks, reasons=("hardware-thermal-slowdown",)))
    yield example("The hardware slows itself down because of heat", Verdict.RED, slow)
    lost = Unread(why=Why.LOST, said="nvmlDeviceGetUUID answered GPU_IS_LOST (15)")
    yield example("The GPU was lost during the check", Verdict.RED, good, later=(replace(good, same=lost),))
    hot = replace(good, heat=replace(good.heat, gpu=88, margin=2))
    yield example("The GPU became hot during the check", Verdict.RED, good, later=(hot,))
    divided = replace(good, mig=replace(good.mig, on=True, on_after_reset=True))
    yield example("MIG is on, but there is no instance", Verdict.RED, divided, policy=GpuHealthPolicy(mig=MigMode.ON))
