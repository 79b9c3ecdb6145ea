"""The plan of a release: what must answer, written before anything runs, for the collector that looks for the answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from artifacts.wire import canonical_bytes, from_json

FILE = "release.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPart:
    """As `arcops.seen.release.PartSeen`: what must have been judged, by which policy, and why it could not be, if so.

    ``flow`` is the evaluation that judges it. ``live``: it runs (a cluster, a node, an endpoint), so its name and site say what
    it is; anything else is what its ``digest`` says, and without one no artifact is about it. ``ask`` is the digest of what is
    asked besides, if anything is: an artifact counts only if it was made for this ask, or by the ``run`` of Prefect that was
    begun for it. ``gates`` are those that its flow asks of the policy. ``models``: of a plan of models on GPUs, the digests of
    those models that are parts of the release, too.
    """

    part: str
    flow: str
    kind: str
    name: str
    policy: str
    live: bool = False
    digest: str = ""
    ask: str = ""
    run: str = ""
    gates: tuple[str, ...] = ()
    problem: str = ""
    models: tuple[str, ...] | None = None

    @property
    def runner(self) -> str:
        """The runner's name in artifacts that are made here for this ask."""
        return f"release/{self.ask}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRelease:
    """``model`` is the digest that every part must be about; empty if the one part of kind ``model`` says it."""

    name: str
    site: str
    model: str
    parts: tuple[PlannedPart, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the release is. What happened to its parts meanwhile is not in it."""
        plain = tuple(replace(one, problem="", run="") for one in sorted(self.parts, key=lambda one: one.part))
        return hashlib.sha256(canonical_bytes(replace(self, parts=plain))).hexdigest()


def write_plan(plan: PlannedRelease, folder: Path) -> Path:
    """Write *plan* into *folder*; the file."""
    path = folder / FILE
    path.write_bytes(canonical_bytes(plan))
    return path


def read_plan(data: bytes) -> PlannedRelease:
    """The plan in *data*. Raises `Refused`."""
    return from_json(PlannedRelease, data.decode())
