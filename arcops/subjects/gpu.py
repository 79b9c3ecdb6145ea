"""The subject *gpu*: this machine as a node, its GPUs above all, as it is or while it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="gpu-node", policy="gpu", title="Check the GPUs of this node")
@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Judgeable):
    """The machine where this runs."""


@judgeable(kind="gpu-node", policy="gpu-bench", title="Benchmark this node")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExercisedNode(Node):
    """The machine where this runs, while it is measured."""

    cpu: bool = False
    """Measure the processor instead of the GPUs, on a node without one."""
    baseline: Path | None = field(default=None, metadata=shaped(most=4096))
    """The site's signed baseline, on the machine where the benchmark runs."""
    least: int = field(default=0, metadata=shaped(least=0, most=40))
    """The least sessions of each figure; 0: five, or nine where no baseline is given, for such a run may become one."""
    most: int = field(default=15, metadata=shaped(least=1, most=40))
    """The most sessions of each figure, when fewer do not decide."""
    tolerance: int = field(default=50, metadata=shaped(least=1, most=50))
    """Percent that a figure may take longer than in the baseline, where the policy is not stricter."""
    sustained_s: int = field(default=10, metadata=shaped(option="--sustained", least=0, most=3600))
    """Seconds that one load is kept up."""
    budget_s: int = field(default=600, metadata=shaped(option="--budget", least=1, most=3600))
    """Seconds that the whole benchmark may take."""
    seed: int = field(default=1, metadata=shaped(least=0, most=2**31))
    """The operands follow from it."""
    size: int = field(default=1000, metadata=shaped(least=1, most=1000))
    """Thousandths of the full size; less is for trying out, and no policy that ships calls it a benchmark."""

    @property
    def kind(self) -> str:
        return "node" if self.cpu else "gpu-node"

    @property
    def beside(self) -> tuple[Path, ...]:
        return () if self.baseline is None else (self.baseline,)
