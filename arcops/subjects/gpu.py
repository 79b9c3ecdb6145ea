"""The subject *gpu*: this machine as a node with GPUs, as it is or while it is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="gpu-node", policy="gpu", title="Check the GPUs of this node")
@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Judgeable):
    """The machine that runs the check."""


@judgeable(kind="gpu-node", policy="gpu-bench", title="Benchmark this node")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExercisedNode(Node):
    """The machine that runs the check, while it is measured."""

    cpu: bool = False
    """Measure the processor instead of GPUs, on a node without a GPU."""
    baseline: Path | None = field(default=None, metadata=shaped(most=4096))
    """The site's signed baseline, on the machine that runs the benchmark."""
    least: int = field(default=0, metadata=shaped(least=0, most=40))
    """The minimum sessions of each figure. 0: five, or nine without a baseline, because such a run may become one."""
    most: int = field(default=15, metadata=shaped(least=1, most=40))
    """The maximum sessions of each figure, if fewer give no clear result."""
    tolerance: int = field(default=50, metadata=shaped(least=1, most=50))
    """Percent that a figure may take longer than in the baseline, if the policy is not stricter."""
    sustained_s: int = field(default=10, metadata=shaped(option="--sustained", least=0, most=3600))
    """Seconds that the sustained load runs."""
    budget_s: int = field(default=600, metadata=shaped(option="--budget", least=1, most=3600))
    """Seconds that the whole benchmark may take."""
    seed: int = field(default=1, metadata=shaped(least=0, most=2**31))
    """The seed for the operands."""
    size: int = field(default=1000, metadata=shaped(least=1, most=1000))
    """Thousandths of the full size. Less than 1000 is for a trial; no shipped policy accepts it as a benchmark."""

    @property
    def kind(self) -> str:
        return "node" if self.cpu else "gpu-node"

    @property
    def beside(self) -> tuple[Path, ...]:
        return () if self.baseline is None else (self.baseline,)
