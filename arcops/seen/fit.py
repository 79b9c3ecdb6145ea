"""What was seen for a plan of models that share GPUs. The plan itself is made by the gate, from this alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.seen.engine_profile import EngineProfile, Partition
from arcops.seen.fit_model import ModelSeen
from arcops.seen.fit_wanted import Wanted
from arcops.seen.gpu_profile import Profile
from arcops.seen.inference_server import RoomLeft


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """A closed loop at one concurrency: how many requests there were, and how many got a whole answer."""

    concurrency: int
    requests: int
    whole: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredModel:
    """What the newest artifact about a model's endpoint says that a plan can be held against. ``problem``: why there is
    nothing.
    """

    model: str
    artifact: str = ""
    judged_at: datetime | None = None
    rooms: tuple[RoomLeft, ...] = ()
    served: tuple[str, ...] = ()
    runs: tuple[MeasuredRun, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSeen(Body):
    """``description`` is the SHA-256 of the description's bytes. ``profiles``, ``partitions`` and ``engines`` are those that
    ship with ArcOps for what is described; ``measured`` has one entry for each model that names an endpoint.
    """

    KIND: ClassVar[str] = "fit"

    description: str
    wanted: Wanted
    models: tuple[ModelSeen, ...]
    profiles: tuple[Profile, ...]
    partitions: tuple[Partition, ...]
    engines: tuple[EngineProfile, ...]
    measured: tuple[MeasuredModel, ...] = ()

    @property
    def names_subject(self) -> str:
        """SHA-256 over the description, and over each model's headers and small files, one line each."""
        lines = [self.description]
        for model in self.models:
            adapters = [one.weights.headers for one in model.adapters if one.weights is not None]
            lines += [model.weights.headers if model.weights is not None else "", *model.files, *adapters]
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
