"""Signers: who was proven to have signed, and who may sign."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late

_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenSigner:
    """A proven signer: a key of the trust store (``key`` is ``sha256:…`` of its DER SubjectPublicKeyInfo) or a certified
    identity (``identity`` is the certificate's subject alternative name, ``issuer`` the OIDC issuer or the CA's name).
    """

    key: str = ""
    identity: str = ""
    issuer: str = ""

    def __post_init__(self) -> None:
        if bool(self.key) == bool(self.identity):
            raise Refused("a signer is either a key or a certified identity")

    def __str__(self) -> str:
        return self.key or f"{self.identity} (issuer {self.issuer or 'unknown'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerRule:
    """Who may sign which subjects.

    ``key`` is a key id, or ``*`` for any key that the operator put into the trust store. ``identity`` is matched exactly and
    always together with ``issuer``: a name means nothing without the issuer that confirms it. ``subjects`` are digests
    (``sha256:…``) of what may be signed, or ``*`` for everything. Globs over names are from earlier releases: no policy accepts
    them any more, because the caller of a check chooses the name of a folder. They are read only to judge again.
    """

    key: str = ""
    identity: str = ""
    issuer: str = ""
    subjects: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        if bool(self.key) == bool(self.identity):
            raise Refused("an allowed signer needs either 'key', or 'identity' with 'issuer'")
        if self.identity and not self.issuer:
            raise Refused(f"allowed signer {self.identity!r} needs the issuer that confirms it")
        if not self.subjects:
            raise Refused("an allowed signer with an empty list of subjects may sign nothing; remove it, or name subjects")

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the ``subjects`` that are names."""
        return tuple(one for one in self.subjects if one != "*" and not _DIGEST.match(one))

    def allows(self, signer: ProvenSigner, subject_name: str, digests: Collection[str] = ()) -> bool:
        by_name = any(fnmatchcase(subject_name, pattern) for pattern in self.subjects if not _DIGEST.match(pattern))
        if not by_name and not any(digest in self.subjects for digest in digests):
            return False
        if self.key:
            return bool(signer.key) and self.key in ("*", signer.key)
        return bool(signer.identity) and (self.identity, self.issuer) == (signer.identity, signer.issuer)


def allowed(signer: ProvenSigner, rules: Iterable[SignerRule], subject_name: str, digests: Collection[str] = ()) -> bool:
    """May *signer* sign the subject of this name with these *digests* (``sha256:…``)? With no rules: no."""
    return any(rule.allows(signer, subject_name, digests) for rule in rules)
