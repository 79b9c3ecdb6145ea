"""Kubernetes workloads that are about to run, and the models that they serve by their own statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body

ANNOTATION = "arcops.dev/models"
"""On the pod, or on its template: the digests of the models that it serves, ``sha256:…``, separated by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSeen:
    """One object. ``name`` is ``Kind namespace/name``; ``models`` are digests as annotated, ``problem`` is why no digest
    can be used.
    """

    name: str
    models: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workloads(Body):
    """Every object of the manifest that runs pods, in its order; never empty. ``sha256`` is over a word that says what the
    bytes are, followed by the manifest's bytes, so that it cannot be the digest of anything else.

    ``others`` names the objects of kinds that run no pods.
    """

    KIND: ClassVar[str] = "workloads"

    sha256: str
    workloads: tuple[WorkloadSeen, ...]
    others: tuple[str, ...] = ()

    @property
    def names_subject(self) -> str:
        return self.sha256
