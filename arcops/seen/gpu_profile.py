"""What a kind of GPU (SKU) supports, by its vendor, with the source of every figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import ClassVar

from arcops.errors import Refused
from arcops.evidence import Body
from arcops.left_out import LEFT_OUT


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


class Area(Enum):
    """What may not apply to a kind of device: memory of its own, its heat, why its clocks are low, its power limit, its link to
    the host and that link's errors, and its firmware.
    """

    MEMORY_SIZE = "memory-size"
    HEAT = "heat"
    CLOCKS = "clocks"
    POWER = "power"
    PCIE_LINK = "pcie-link"
    PCIE_ERRORS = "pcie-errors"
    FIRMWARE = "firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inapplicable:
    """An area that does not apply to a kind, and the source of this."""

    area: Area
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

    ``inapplicable`` are areas in which the kind reports nothing, or nothing that means anything: a virtual GPU has no heat of
    its own, and a GPU on the processor's chip has no slot.
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
    inapplicable: tuple[Inapplicable, ...] = field(default=(), metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        known = {publication.id for publication in self.publications}
        for name, figure in self.figures():
            if figure.source not in known or not figure.where:
                raise Refused(f"the profile of {self.sku} does not name the publication for {name}, or the place in it")
            if isinstance(figure, DatasheetFigure) and figure.value < 0:
                raise Refused(f"the profile of {self.sku} gives {name} as {figure.value}")
        for one in self.inapplicable:
            if one.source not in known or not one.where:
                raise Refused(
                    f"the profile of {self.sku} does not name the publication for {one.area.value}, or the place in it"
                )
        if not self.sku or not self.names or not all(self.names):
            raise Refused(f"the profile {self.sku!r} names no device")

    def lacks(self, area: Area) -> bool:
        """Does *area* not apply to this kind?"""
        return any(one.area is area for one in self.inapplicable)

    def figures(self) -> Iterator[tuple[str, DatasheetFigure | SourcedFact]]:
        """Every figure that the profile gives, by its name."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, DatasheetFigure | SourcedFact):
                yield one.name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProfiles(Body):
    """The profiles that ship with ArcOps for ``names``: the names that the devices here reported, sorted."""

    KIND: ClassVar[str] = "gpu-profiles"

    names: tuple[str, ...]
    profiles: tuple[Profile, ...]
