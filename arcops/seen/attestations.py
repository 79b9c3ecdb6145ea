"""Signed statements that others made about the subject, each with what was proven about its signatures."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass
from arcops.repairing import TRUST, Repair
from arcops.seen.signatures import RevocationsSeen
from arcops.signer import ProvenSigner
from arcops.slsa import Provenance, Summary
from arcops.subject import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedSubject:
    """A subject as a statement names it: the name is a hint, the digests count."""

    name: str
    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationSeen:
    """One in-toto statement in one envelope.

    ``path`` is relative to the subject, or the file name alone if ``attached``; ``line`` counts from 1 in files with one
    envelope for each line, and is 0 in other files. ``sha256`` is that of the file. ``signers`` are the proven ones and
    ``keys`` the ids of the keys behind them; they are empty if nothing could be proven: ``problem`` then says why, and the
    other fields are only claims. ``predicate`` is the predicate's JSON text exactly as signed; ``provenance`` and ``summary``
    are the same as values if it is a valid SLSA predicate, and ``misshapen`` says why an SLSA predicate is not valid.
    ``trusted_time`` is from a log or a timestamp authority, never from the local clock.
    """

    path: str
    sha256: str
    predicate_type: str = ""
    subjects: tuple[StatedSubject, ...] = ()
    predicate: str = ""
    signers: tuple[ProvenSigner, ...] = ()
    keys: tuple[str, ...] = ()
    trusted_time: datetime | None = None
    problem: str = ""
    line: int = 0
    attached: bool = False
    provenance: Provenance | None = None
    summary: Summary | None = None
    misshapen: str = ""

    @property
    def about(self) -> str:
        """The name that findings use."""
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestations(Body):
    """Every envelope found, sorted by path and line, and the trust directory's revocation lists.

    ``attestations`` is never empty: a collector that finds none raises `arcops.errors.Refused`.
    """

    KIND: ClassVar[str] = "attestations"
    NONE: ClassVar[str] = "no attestation comes with"
    REPAIRS: ClassVar[tuple[Repair, ...]] = (
        *TRUST,
        Repair(said=(NONE,), line="keys new", step=0, keyless=True),
        Repair(said=(NONE,), line="sign {target} --builder BUILDER --source SOURCE", step=3),
    )

    attestations: tuple[AttestationSeen, ...]
    revocations: tuple[RevocationsSeen, ...] = ()

    @property
    def attached_read(self) -> frozenset[str]:
        return frozenset(attestation.sha256 for attestation in self.attestations)
