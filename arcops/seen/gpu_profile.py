"""What a kind of GPU (SKU) supports, by its vendor, with the source of every figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

from arcops.errors import Refused
from arcops.evidence import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasheetFigure:
    """A number and its source: ``source`` names one of the profile's publications, ``where`` the place in it."""

    value: int
    source: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedFact:
    """A yes or no, and its source."""

    value: bool
    source: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A document of the vendor. ``revision`` is the edition that it names; empty if it names none."""

    id: str
    title: str
    address: str
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One SKU. Only a profile can say that something does not apply to a device.

    ``names`` are what the driver calls it. ``memory`` is in bytes, ``bandwidth`` in bytes per second. ``fp32`` to ``fp8`` are
    dense operations per second of matrix products in that format, summed in single precision, if the vendor publishes them: a
    multiplication and an addition are two, and a figure "with sparsity" is halved. ``ecc``: errors can be counted;
    ``row_remapping`` and ``page_retirement``: how failing memory is replaced; ``sram_threshold``: the device reports when
    errors in its SRAM pass the vendor's own threshold. ``nvlinks`` counts links, and ``nvlink_bridge`` says that they need a
    bridge between cards, which may be absent; ``nvlink_generation`` is ten times the version. ``fabric``: switches connect the
    devices. ``pcie_width`` is the narrowest width that the vendor supports. ``mig_instances`` is 0 for a device that cannot be
    divided. ``power`` and ``least_power`` bound the power limit in milliwatts. ``slows_at`` is in degrees Celsius.
    """

    sku: str
    names: tuple[str, ...]
    publications: tuple[Publication, ...]
    memory: DatasheetFigure
    bandwidth: DatasheetFigure
    fp32: DatasheetFigure | None = None
    tf32: DatasheetFigure | None = None
    fp16: DatasheetFigure | None = None
    bf16: DatasheetFigure | None = None
    fp8: DatasheetFigure | None = None
    ecc: SourcedFact
    row_remapping: SourcedFact
    page_retirement: SourcedFact
    sram_threshold: SourcedFact
    nvlinks: DatasheetFigure
    nvlink_generation: DatasheetFigure | None = None
    nvlink_bridge: SourcedFact | None = None
    fabric: SourcedFact
    pcie_generation: DatasheetFigure
    pcie_width: DatasheetFigure | None = None
    mig_instances: DatasheetFigure
    power: DatasheetFigure
    least_power: DatasheetFigure | None = None
    slows_at: DatasheetFigure | None = None

    def __post_init__(self) -> None:
        known = {publication.id for publication in self.publications}
        for name, figure in self.figures():
            if figure.source not in known or not figure.where:
                raise Refused(f"the profile of {self.sku} does not name the publication for {name}, or the place in it")
            if isinstance(figure, DatasheetFigure) and figure.value < 0:
                raise Refused(f"the profile of {self.sku} gives {name} as {figure.value}")
        if not self.sku or not self.names or not all(self.names):
            raise Refused(f"the profile {self.sku!r} names no device")

    def figures(self) -> Iterator[tuple[str, DatasheetFigure | SourcedFact]]:
        """Every figure that the profile gives, by its name."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, DatasheetFigure | SourcedFact):
                yield field.name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProfiles(Body):
    """The profiles that ship with ArcOps for ``names``: the names that the devices here reported, sorted."""

    KIND: ClassVar[str] = "gpu-profiles"

    names: tuple[str, ...]
    profiles: tuple[Profile, ...]
