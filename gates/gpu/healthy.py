"""A made-up healthy GPU and the profile of its kind, for the examples of the gates of a node."""

from __future__ import annotations

from dataclasses import replace

from arcops.seen.gpu import (
    Clocks,
    DeviceMemory,
    EccErrors,
    Fabric,
    Gpu,
    Gpus,
    Heat,
    Identity,
    LinkErrors,
    Mig,
    NvLink,
    Pages,
    Pcie,
    Power,
    Rows,
    Unread,
    Why,
)
from arcops.seen.gpu_profile import DatasheetFigure, GpuProfiles, Profile, Publication, SourcedFact

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
    """A made-up kind of GPU that supports everything, so that every signal is needed."""

    def figure(value: int) -> DatasheetFigure:
        return DatasheetFigure(value=value, source="example", where="example")

    def fact(value: bool) -> SourcedFact:
        return SourcedFact(value=value, source="example", where="example")

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
    """A healthy device."""
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
        memory=DeviceMemory(
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
    """*count* healthy devices, and the profile of their kind."""
    devices = tuple(device(index) for index in range(count))
    return Gpus(devices=devices, later=devices, events=(), watched=True), GpuProfiles(
        names=profile().names, profiles=(profile(),)
    )
