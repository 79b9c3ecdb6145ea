"""VEX: statements of others about whether a vulnerability affects a product, with their proven signers."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass
from arcops.signer import ProvenSigner


class Status(Enum):
    """OpenVEX's status labels; CycloneDX's analysis states are translated into them."""

    NOT_AFFECTED = "not_affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"
    AFFECTED = "affected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product by its canonical package URL; without a version, it means every version. With ``subcomponents``, the statement
    is only about these parts of the product.
    """

    purl: str
    subcomponents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """One statement. ``vulnerabilities`` are the name and its aliases; ``why`` is the justification or impact statement;
    ``at`` is when it was last known to be true. ``problem`` says why it cannot count, even if its signature is good.
    """

    vulnerabilities: tuple[str, ...] = ()
    products: tuple[Product, ...] = ()
    status: Status | None = None
    why: str = ""
    at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VexSeen:
    """One document. ``signers`` are the proven ones; empty if nothing was proven, and ``problem`` then says why."""

    path: str
    sha256: str
    format: str
    signers: tuple[ProvenSigner, ...] = ()
    statements: tuple[VexStatement, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vex(Body):
    """Every VEX document found, sorted by path; never empty (a collector that finds none raises `arcops.errors.Refused`)."""

    KIND: ClassVar[str] = "vex"

    documents: tuple[VexSeen, ...]

    @property
    def attached_read(self) -> frozenset[str]:
        return frozenset(document.sha256 for document in self.documents)
