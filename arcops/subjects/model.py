"""The subject *model*."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable
from arcops.late_dataclass import dataclass


@judgeable(kind="model", policy="sovereign", title="Check a model")
@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Judgeable):
    """A model on disk, with files about it that are elsewhere."""

    target: Path = field(metadata=shaped(positional=True, least=1, most=4096))
    """The model: a directory, or one file, on the machine that runs the check."""
    attached: tuple[Path, ...] = field(default=(), metadata=shaped(option="--attach", most=100))
    """Signatures, SBOMs and attestations that are not in the target."""

    @property
    def where(self) -> Path:
        return self.target

    @property
    def beside(self) -> tuple[Path, ...]:
        return self.attached
