"""Signatures over the subject's files, each with what was proven about it, and the signed revocation lists."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass
from arcops.repairing import TRUST, Repair
from arcops.signer import ProvenSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A file as it was signed: its path relative to the target, and lower-case hex SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSeen:
    """One signature. ``problem`` says why nothing is proven; if it is empty, the signature is cryptographically valid.

    ``path`` is relative to the target, or the file's name if it was ``attached``. ``covers`` is what was signed, sorted by
    path: for OpenSSF Model Signing the whole manifest. ``carriers`` are the files of the target that hold the signature itself.
    ``model_digest`` is the hex digest that names all that was signed: Model Signing's root digest, a blob's or an image
    manifest's SHA-256. ``ignored`` are paths that the signer left out. ``keys`` are the ids of the keys behind ``signers``.

    ``trusted_time`` is from a log or a timestamp authority. A certificate without such a time is ``untimed``: it was valid from
    ``not_before`` to ``not_after``, but it is not known when it was used.
    """

    path: str
    sha256: str
    attached: bool
    format: str
    signers: tuple[ProvenSigner, ...] = ()
    keys: tuple[str, ...] = ()
    trusted_time: datetime | None = None
    untimed: bool = False
    not_before: datetime | None = None
    not_after: datetime | None = None
    covers: tuple[Covered, ...] = ()
    carriers: tuple[Covered, ...] = ()
    model_digest: str = ""
    ignored: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Something that must no longer count: a key (id), an identity (of ``issuer``, or of any issuer if empty), or a SHA-256."""

    at: datetime
    reason: str
    key: str = ""
    identity: str = ""
    issuer: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationsSeen:
    """One revocation list of the trust directory. ``problem`` says why it proves nothing; ``issued_at`` is what it states."""

    path: str
    sha256: str
    issued_at: datetime | None = None
    signers: tuple[ProvenSigner, ...] = ()
    keys: tuple[str, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures(Body):
    """Every signature found, sorted by path; never empty (a collector that finds none raises `arcops.errors.Refused`)."""

    KIND: ClassVar[str] = "signatures"
    NONE: ClassVar[str] = "no signature was found in"
    REPAIRS: ClassVar[tuple[Repair, ...]] = (
        *TRUST,
        Repair(said=(NONE,), line="keys new", step=0, keyless=True),
        Repair(said=(NONE,), line="sign {target}", step=3),
    )

    signatures: tuple[SignatureSeen, ...]
    revocations: tuple[RevocationsSeen, ...] = ()

    @property
    def attached_read(self) -> frozenset[str]:
        return frozenset(signature.sha256 for signature in self.signatures)
