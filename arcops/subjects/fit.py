"""The subject *fit*: models that are to share GPUs (co-deployment)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="co-deployment", policy="fit", title="Check if models fit together")
@dataclass(frozen=True, slots=True, kw_only=True)
class Fit(Judgeable):
    """Models that are to run together on some GPUs, as a file describes it: nothing is loaded, only headers are read."""

    target: Path = field(metadata=shaped(positional=True, title="FILE", least=1, most=4096))
    """The description: a YAML file with the GPUs and the models, on the machine that runs the check."""
