"""Figures that are known exactly or only between two: whole bytes, so that equal evidence gives equal plans everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arcops.seen.engine_profile import Between

GIB = 1 << 30

_CACHE = {
    "f32": (4, 1), "f16": (2, 1), "bf16": (2, 1), "fp8": (1, 1), "int8": (1, 1), "q8_0": (34, 32), "q5_1": (24, 32),
    "q5_0": (22, 32), "q4_1": (20, 32), "q4_0": (18, 32), "iq4_nl": (18, 32), "nvfp4": (9, 16),
}  # fmt: skip
"""Bytes and elements of a block of each type of cache. nvfp4: half a byte an element, and a byte for each 16."""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``least`` to ``most``."""

    least: int
    most: int

    @staticmethod
    def exactly(figure: int) -> Span:
        return Span(figure, figure)

    @staticmethod
    def of(figure: Between | None) -> Span:
        """The figure of a profile, 0 if it has none."""
        return Span(0, 0) if figure is None else Span(figure.least, figure.most)

    @property
    def exact(self) -> bool:
        return self.least == self.most

    def __add__(self, other: Span) -> Span:
        return Span(self.least + other.least, self.most + other.most)

    def times(self, least: int, most: int = -1) -> Span:
        """Multiplied by a figure from *least* to *most* (by default exactly *least*)."""
        return Span(self.least * least, self.most * (least if most < 0 else most))

    def over(self, parts: int) -> Span:
        """Divided into equal *parts*; the larger one is rounded up."""
        return Span(self.least // parts, up(self.most, parts))

    def __str__(self) -> str:
        most = gib(self.most)
        unit, digits = _unit(self.most)
        least = f"{self.least / unit:,.{digits}f}"
        return most if most.startswith(f"{least} ") else f"{least} to {most}"


def total(spans: Iterable[Span]) -> Span:
    found = Span(0, 0)
    for one in spans:
        found = found + one
    return found


def up(figure: int, by: int) -> int:
    """*figure* / *by*, rounded up."""
    return -(-figure // by)


def rounded(figure: int, to: int) -> int:
    """*figure*, rounded up to a multiple of *to*."""
    return up(figure, to) * to


def gib(size: int) -> str:
    """Bytes for people."""
    unit, digits = _unit(size)
    return f"{size / unit:,.{digits}f} {'GiB' if unit == GIB else 'MiB'}"


def _unit(size: int) -> tuple[int, int]:
    return (GIB, 2) if abs(size) * 10 >= GIB else (1 << 20, 1)


def cache_bytes(elements: int, dtype: str) -> int:
    """Bytes of so many *elements* in a cache of this type, rounded up."""
    size, block = _CACHE[dtype]
    return up(elements * size, block)
