"""What a policy decides for the gate ``signatures``: who must have signed, and how recent revocation lists must be."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.signer import SignerRule


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePolicy:
    """Who must have signed, and how recent the revocation list must be. By default no key may sign, so everything is RED.

    ``threshold`` is how many distinct signers each file needs. ``unsigned_paths`` are files, or directories with everything in
    them, that need no signature. With ``allow_untimed_certificates``, a certificate without a trusted time counts while it is
    still valid. ``expected_digest`` is ``sha256:…`` of what must have been signed. Ages are days.
    """

    signers: tuple[SignerRule, ...] = ()
    threshold: int = 1
    unsigned_paths: tuple[str, ...] = ()
    allow_untimed_certificates: bool = False
    expected_digest: str = ""
    require_revocations: bool = True
    max_revocation_age_days: int = 7
    revocation_signers: tuple[SignerRule, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold < 1:
            raise Refused(f"'threshold' is {self.threshold}; at least 1 signer must have signed")
        if self.max_revocation_age_days < 1:
            raise Refused(f"'maxRevocationAgeDays' is {self.max_revocation_age_days}; use 1 or more")
        pinned = self.expected_digest.removeprefix("sha256:")
        if self.expected_digest and (not self.expected_digest.startswith("sha256:") or len(pinned) != 64):
            raise Refused(f"'expectedDigest' is {self.expected_digest!r}; write 'sha256:' and 64 hex digits")

    def tolerates(self, path: str) -> bool:
        """May the file *path* be unsigned?"""
        return any(path == named or path.startswith(f"{named.rstrip('/')}/") for named in self.unsigned_paths if named)
