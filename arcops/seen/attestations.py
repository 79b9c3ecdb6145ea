"""Signed statements that others made about the subject, each with what was proven about its signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.signer import Signer
from arcops.subject import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedSubject:
    """A subject as a statement names it: the name is a hint, the digests are the claim."""

    name: str
    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationSeen:
    """One in-toto statement in one envelope.

    ``signers`` are the proven ones; empty where nothing could be proven, and ``problem`` then says why. ``predicate`` is the
    predicate's JSON text exactly as signed. ``trusted_time`` is from a log or a timestamp authority, never the local clock.
    """

    path: str
    sha256: str
    predicate_type: str = ""
    subjects: tuple[StatedSubject, ...] = ()
    predicate: str = ""
    signers: tuple[Signer, ...] = ()
    trusted_time: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestations(Body):
    """Every envelope found, sorted by path; never empty (a collector that finds none raises `arcops.errors.Refused`)."""

    KIND: ClassVar[str] = "attestations"

    attestations: tuple[AttestationSeen, ...]
