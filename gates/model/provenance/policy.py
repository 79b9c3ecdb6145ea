"""What a policy decides for the gate ``provenance``: whose statements count, and what they must say."""

from __future__ import annotations

from enum import Enum

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.repository import repository
from arcops.signer import SignerRule


class WantedProof(Enum):
    """Which SLSA statements the policy relies on. With ``EITHER`` one is enough, and every statement present must be good."""

    PROVENANCE = "provenance"
    SUMMARY = "summary"
    EITHER = "either"
    BOTH = "both"


class Cover(Enum):
    """Which files accepted statements must name: all that could be weights, all files of the model, or any one file."""

    WEIGHTS = "weights"
    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedBuilder:
    """A builder by its exact id, the SLSA build level that it is trusted to reach, and the signers who sign for it.

    SLSA wants (signer, builder) pairs. Without ``signers``, every allowed signer may sign for this builder.
    """

    id: str
    level: int
    signers: tuple[SignerRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedVerifier:
    """A verifier by its exact id, the signers who sign for it, and the SHA-256 digests of its policies that count
    (empty: any).
    """

    id: str
    signers: tuple[SignerRule, ...] = ()
    policy_sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenancePolicy:
    """Whose statements count, and what they must say. By default, no signer's statements count.

    ``sources`` are repositories or folders of repositories (``https://git.example/org``), compared step by step. ``parameters``
    are names of external parameters that may be set. ``resource_uris`` are exact. ``max_summary_age_days`` counts from a
    summary's own time. ``minimum_dependency_level`` 0 requires nothing of dependencies. With ``ignore_unverified``, an
    attestation that does not verify is a warning, if at least one other attestation verifies.
    """

    signers: tuple[SignerRule, ...] = ()
    proof: WantedProof = WantedProof.PROVENANCE
    must_cover: Cover = Cover.ALL
    builders: tuple[TrustedBuilder, ...] = ()
    minimum_build_level: int = 3
    build_types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    verifiers: tuple[TrustedVerifier, ...] = ()
    resource_uris: tuple[str, ...] = ()
    minimum_dependency_level: int = 0
    max_summary_age_days: int = 90
    ignore_unverified: bool = False

    def __post_init__(self) -> None:
        for source in self.sources:
            repository(source)
        for builder in self.builders:
            if not 0 <= builder.level <= 3:
                raise Refused(f"builder {builder.id!r} has SLSA build level {builder.level}; levels are 0 to 3")
