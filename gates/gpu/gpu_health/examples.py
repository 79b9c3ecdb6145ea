"""Examples of the gate ``gpu-health``: documentation and tests at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.gate import Example
from arcops.seen.gpu import (
    Clocks,
    EccErrors,
    Fabric,
    Gpu,
    Gpus,
    Heat,
    Identity,
    LinkErrors,
    Memory,
    Mig,
    NvLink,
    Pages,
    Pcie,
    Power,
    Rows,
    Unread,
    Why,
)
from arcops.seen.gpu_profile import Fact, Figure, GpuProfiles, Profile, Publication
from arcops.verdict import Verdict
from gates.gpu.gpu_health.policy import GpuHealthPolicy, MigMode

_UNSUPPORTED = Unread(why=Why.UNSUPPORTED, said="the call answered NOT_SUPPORTED (3)")
_TELLS = (
    "gpu-idle",
    "software-power-cap",
    "hardware-slowdown",
    "software-thermal-slowdown",
    "hardware-thermal-slowdown",
    "hardware-power-brake",
)


def profile() -> Profile:
    """A made-up kind of GPU with everything, so that nothing is excused."""

    def figure(value: int) -> Figure:
        return Figure(value=value, source="example", where="example")

    def fact(value: bool) -> Fact:
        return Fact(value=value, source="example", where="example")

    return Profile(
        sku="Example 80 GB",
        names=("Example GPU 80GB",),
        publications=(Publication(id="example", title="Example", address="https://example.org"),),
        memory=figure(80_000_000_000),
        bandwidth=figure(3_000_000_000_000),
        ecc=fact(True),
        row_remapping=fact(True),
        page_retirement=fact(False),
        sram_threshold=fact(True),
        nvlinks=figure(2),
        nvlink_generation=figure(40),
        fabric=fact(True),
        pcie_generation=figure(5),
        pcie_width=figure(16),
        mig_instances=figure(7),
        power=figure(700_000),
        slows_at=figure(90),
    )


def device(index: int = 0) -> Gpu:
    """A device with which nothing is wrong."""
    none = EccErrors(location="", corrected=0, uncorrected=0, corrected_ever=0, uncorrected_ever=0)
    link = NvLink(number=0, active=True, generation=40, errors=(LinkErrors(name="replays", count=0),))
    return Gpu(
        index=index,
        identity=Identity(
            name="Example GPU 80GB",
            uuid=f"GPU-00000000-0000-0000-0000-00000000000{index}",
            serial=f"165000000000{index}",
            part="900-00000-0000-000",
            pci=f"00000000:{0x3B + index:02x}:00.0",
            vbios="96.00.A5.00.01",
            inforom="G520.0200.00.05",
            inforom_intact=True,
        ),
        memory=Memory(
            total=85_520_809_984,
            ecc=True,
            ecc_after_reset=True,
            errors=tuple(replace(none, location=location) for location in ("all", "dram", "sram")),
            rows=Rows(corrected=0, uncorrected=0, pending=False, failed=False, exhausted_banks=0),
            pages=Pages(corrected=_UNSUPPORTED, uncorrected=_UNSUPPORTED, pending=_UNSUPPORTED),
            sram_worn=False,
            unrepairable=False,
            channel_repair_pending=False,
            tpc_repair_pending=False,
        ),
        recovery="none",
        heat=Heat(gpu=34, memory=42, slows_at=90, margin=53),
        clocks=Clocks(reasons=("gpu-idle",), tells=_TELLS),
        power=Power(drawn=71_000, limit=700_000, standard=700_000, least=200_000, most=700_000),
        pcie=Pcie(generation=5, slot_generation=5, own_generation=5, width=16, most_width=16, replays=0, fatal=0, non_fatal=0),
        nvlinks=(link, replace(link, number=1)),
        fabric=Fabric(state="completed", status=0, ills=()),
        mig=Mig(on=False, on_after_reset=False, most=7, instances=()),
        persistence=True,
        compute_mode="default",
        processes=0,
        same=True,
    )


def healthy(count: int = 1) -> tuple[Gpus, GpuProfiles]:
    """So many devices with which nothing is wrong, and the profile of their kind."""
    devices = tuple(device(index) for index in range(count))
    return Gpus(devices=devices, later=devices, events=(), watched=True), GpuProfiles(
        names=profile().names, profiles=(profile(),)
    )


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

    yield example("Eight GPUs with which nothing is wrong", Verdict.GREEN, *(device(index) for index in range(8)))
    replays = replace(good, pcie=replace(good.pcie, replays=3))
    yield example("PCIe had to send three times again", Verdict.AMBER, replays)
    resting = replace(good, pcie=replace(good.pcie, generation=1))
    yield example("The PCIe link is slow while the GPU rests", Verdict.AMBER, resting)
    unknown = GpuProfiles(names=known.names, profiles=())
    yield example("Nobody knows this kind of GPU", Verdict.RED, good, profiles=unknown)
    own = GpuHealthPolicy(profiles=(profile(),))
    yield example("Only the policy knows this kind of GPU", Verdict.GREEN, good, policy=own, profiles=unknown)
    failed = replace(good, memory=replace(good.memory, rows=replace(good.memory.rows, failed=True)))
    yield example("Remapping a memory row failed", Verdict.RED, failed)
    blank = Unread(why=Why.BLANK, said="nvmlDeviceGetRemappedRows answered 0xffffffff, which is no value")
    unread = replace(good, memory=replace(good.memory, rows=replace(good.memory.rows, failed=blank)))
    yield example("Whether remapping a row failed was answered with a blank", Verdict.RED, unread)
    errors = tuple(found for found in good.memory.errors if found.location != "sram")
    uncounted = replace(good, memory=replace(good.memory, errors=errors))
    yield example("Nobody counted the errors of the SRAM", Verdict.RED, uncounted)
    links = good.nvlinks if isinstance(good.nvlinks, tuple) else ()
    dead = replace(good, nvlinks=(links[0], replace(links[1], active=False)))
    yield example("An NVLink is down", Verdict.RED, dead)
    slow = replace(good, clocks=replace(good.clocks, reasons=("hardware-thermal-slowdown",)))
    yield example("The hardware slows itself down for heat", Verdict.RED, slow)
    lost = Unread(why=Why.LOST, said="nvmlDeviceGetUUID answered GPU_IS_LOST (15)")
    yield example("The GPU was lost during the check", Verdict.RED, good, later=(replace(good, same=lost),))
    hot = replace(good, heat=replace(good.heat, gpu=88, margin=2))
    yield example("The GPU became hot during the check", Verdict.RED, good, later=(hot,))
    divided = replace(good, mig=replace(good.mig, on=True, on_after_reset=True))
    yield example("MIG is on without an instance", Verdict.RED, divided, policy=GpuHealthPolicy(mig=MigMode.ON))
