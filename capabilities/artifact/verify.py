"""Verify a sealed artifact, or fetch it: without an engine or a network, from the artifact and the keys alone."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.policy import SKEW
from arcops.result import Report
from artifacts.bundle import MOST_BYTES
from artifacts.vouch import vouch_report
from capabilities.contract import Scope, tool
from capabilities.kept import honest_now, kept_bytes, sealed_bytes, whose_keys
from flows.place import Place
from tasks.signing.grounds import grounds_of

_MOST_KEY_BYTES = 64 * 1024
_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")


class NotVerified(Refused):
    """None of the keys signed this artifact. Do not use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """An artifact, and who must have signed it."""

    artifact: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The text of a sealed artifact (a file on the command line), or the digest (sha256:…) of one in the store."""
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM), any of which may have signed; if none is given, those that the machine of this tool trusts.
    They count for this answer alone."""
    policy: str = ""
    """The policy that must have judged: its digest (sha256:…), the name of a shipped one, or a file. Empty: any policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A report that one of the keys signed."""

    report: Report
    signers: tuple[str, ...]
    """The ids of the keys whose signatures hold."""
    expired: bool
    """It is no longer valid now: check again."""
    warnings: tuple[str, ...] = ()
    """What is not as it should be but does not stop verification, one sentence each."""
    untrusted: tuple[str, ...] = ()
    """The signers that only the caller named. This place does not trust them, so the artifact counts for nothing else here
    yet."""


@tool(title="Verify an artifact", scope=Scope.READ, reads_only=True, usual=True)
def verify_artifact(ask: Verify, at: Place) -> Verified:
    """Check the signature of a sealed artifact offline, and show what it says and whether it is still valid.

    Refused in these cases: none of the keys signed it; the signer or the artifact is revoked, or that is not known; it
    contradicts itself; it was judged in the future, or by another policy than the one named. Then do not use it.
    """
    keys, strange = whose_keys(ask.keys, at)
    data = sealed_bytes(ask.artifact, at)
    pinned, skew = _pinned(ask.policy, at)
    try:
        now = honest_now(at)
        vouched = vouch_report(data, grounds_of(keys, at.settings.trust), now, skew=skew)
    except Refused as error:
        raise NotVerified(str(error)) from error
    report = vouched.report
    if pinned and report.policy_digest != pinned:
        raise NotVerified(f"it was judged by policy {report.policy_name!r} ({report.policy_digest}), not by {pinned}")
    return Verified(
        report=report,
        signers=vouched.signers,
        expired=vouched.expired(now),
        warnings=vouched.warnings,
        untrusted=tuple(signer for signer in vouched.signers if signer in strange),
    )


def _pinned(policy: str, at: Place) -> tuple[str, timedelta]:
    """The digest of the policy that must have judged, or empty, and how far that policy lets clocks differ."""
    if not policy or _DIGEST.match(policy):
        return policy, SKEW

    read = at.policy(policy)
    return read.digest, read.clock_skew


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What to fetch."""

    artifact: str = field(metadata=shaped(positional=True, title="DIGEST"))
    """The digest (sha256:…) of a sealed artifact, or of an evidence body, in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What the store keeps under a digest."""

    text: str
    """The exact bytes, which are UTF-8: a sealed artifact in JSON, or an evidence body in canonical JSON."""


@tool(title="Fetch from the store", scope=Scope.READ, reads_only=True)
def fetch_artifact(ask: Fetch, at: Place) -> Fetched:
    """Give the exact bytes of a sealed artifact, or of an evidence body behind one, from the store."""
    return Fetched(text=kept_bytes(ask.artifact, at).decode())
