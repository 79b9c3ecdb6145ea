"""Kubernetes workloads that are about to run, and the models that they say they serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body

ANNOTATION = "arcops.dev/models"
"""On the pod, or on the template that makes it: the digests of the models it serves, ``sha256:…``, separated by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSeen:
    """One object. ``name`` is ``Kind namespace/name``; ``models`` are digests as annotated, ``problem`` why none can
    be used.
    """

    name: str
    models: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workloads(Body):
    """Every object of the manifest that runs pods, in its order; never empty. ``sha256`` is of the manifest's bytes after a
    word that says what they are, so that it is the digest of nothing else.

    ``others`` names the objects of kinds that run nothing.
    """

    KIND: ClassVar[str] = "workloads"

    sha256: str
    workloads: tuple[WorkloadSeen, ...]
    others: tuple[str, ...] = ()

    @property
    def names_subject(self) -> str:
        return self.sha256
