"""Situations for the gate `gpu-datasheet`, in every colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.gate import Example
from arcops.seen.benchmark import Benchmark, Unit
from arcops.seen.gpu_profile import DatasheetFigure, GpuProfiles, Profile, Publication, SourcedFact
from arcops.verdict import Verdict
from gates.gpu.benchmark.examples import figure, run
from gates.gpu.gpu_datasheet.gate import GpuDatasheetPolicy

_GIB = 2**30
_BANDWIDTH = 4_800_000_000_000
_BF16 = 989_500_000_000_000


def profile() -> Profile:
    """The profile of an H200, as far as these examples need it."""

    def number(value: int) -> DatasheetFigure:
        return DatasheetFigure(value=value, source="sheet", where="Specifications")

    no = SourcedFact(value=False, source="sheet", where="Specifications")
    return Profile(
        sku="H200 SXM",
        names=("NVIDIA H200",),
        publications=(
            Publication(id="sheet", title="NVIDIA H200 Tensor Core GPU Datasheet", address="https://example.com/sheet"),
        ),
        memory=number(141_000_000_000),
        bandwidth=number(_BANDWIDTH),
        bf16=number(_BF16),
        ecc=no,
        row_remapping=no,
        page_retirement=no,
        sram_threshold=no,
        nvlinks=number(0),
        fabric=no,
        pcie_generation=number(5),
        mig_instances=number(7),
        power=number(700_000),
    )


def reaching(per_cent: int) -> Benchmark:
    """A run whose copy reaches this share of the data sheet's bandwidth."""
    return run(figure("memory-copy", _GIB * 10**9 * 100 // (_BANDWIDTH * per_cent), work=_GIB))


def multiplying(per_cent: int) -> Benchmark:
    """A run whose products in bfloat16 reach this share of the data sheet, and its copy 92 percent."""
    work = 2 * 8192**3
    product = figure("gemm-bf16", work * 10**9 * 100 // (_BF16 * per_cent), unit=Unit.OPERATIONS, work=work)
    return run(*reaching(92).figures, product)


def examples() -> Iterator[Example[GpuDatasheetPolicy]]:
    shipped = GpuProfiles(names=("NVIDIA H200",), profiles=(profile(),))
    own = figure("gemm-bf16-own", 900_000, unit=Unit.OPERATIONS)

    def example(name: str, verdict: Verdict, body: Benchmark, known: GpuProfiles = shipped) -> Example[GpuDatasheetPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body, known), policy=GpuDatasheetPolicy())

    yield example("92 percent of the data sheet", Verdict.GREEN, reaching(92))
    yield example("78 percent of it", Verdict.AMBER, reaching(78))
    yield example("products at 90 percent", Verdict.GREEN, multiplying(90))
    yield example("products at 75 percent", Verdict.AMBER, multiplying(75))
    yield example("products at 60 percent", Verdict.RED, multiplying(60))
    yield example("products by our own kernels", Verdict.AMBER, run(*reaching(92).figures, own))
    yield example("half of the data sheet", Verdict.RED, reaching(50))
    yield example("a device without a profile", Verdict.RED, reaching(92), GpuProfiles(names=("NVIDIA H200",), profiles=()))
    yield example("no GPU", Verdict.RED, replace(reaching(92), machines=(), figures=(), said="BLOCKED: there is no driver"))
    lost = tuple(replace(one, sessions=(), said="the device was lost") for one in reaching(92).figures)
    yield example("a device that was lost", Verdict.RED, replace(reaching(92), figures=lost))
