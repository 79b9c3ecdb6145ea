"""The release of an MCP client's configuration as an in-toto Statement v1, and strictly back.

The statement's subject is the payload, so its digest is the artifact's id. It is signed by the publisher and by those who
approve it, all over the same bytes (DSSE); what a release needs of them is said by the trust of the one who verifies, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from arcops.errors import Refused
from artifacts.record import Record

EVERYONE = 100


class ReleaseKind(Enum):
    """``REVERT`` issues again what was released before; ``WIDENED`` gives a canary to more clients."""

    RELEASE = "release"
    REVERT = "revert"
    WIDENED = "widened"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRelease:
    """A payload released for one client and profile, in one version of the client's schema.

    ``artifact`` is the SHA-256 of the payload. ``policyDigest`` and ``draftDigest`` are those of the policy set's and of the
    draft's bytes. ``publisher`` is the id of the key that publishes. Of all clients, ``percent`` get it, chosen with ``salt``.
    ``supersedes`` is the digest of the release record before it, empty for the first one, and ``reason`` says why a revert is
    made. After ``validUntil`` a client keeps what it has and takes nothing new.
    """

    kind: ReleaseKind
    client: str
    profile: str
    schema: str
    artifact: str
    version: str
    issued_at: datetime
    valid_until: datetime
    policy_set: str
    policy_digest: str
    draft_digest: str
    inputs: tuple[str, ...]
    publisher: str
    tooling: str
    changelog: str
    reason: str
    percent: int
    salt: str
    supersedes: str


def _check(release: ClientRelease) -> None:
    if not 0 < release.percent <= EVERYONE:
        raise Refused(f"the release is for {release.percent} % of the clients; 1 to 100 are possible")
    if release.valid_until <= release.issued_at:
        raise Refused("the release ends before it begins")


CLIENT_RELEASE: Record[ClientRelease] = Record(
    uri="https://arcops.dev/predicates/client-configuration-release/v1",
    what="the release of a client's configuration",
    holds=ClientRelease,
    about=lambda release: (f"{release.client}/{release.profile}", release.artifact),
    check=_check,
)
release_statement, release_from = CLIENT_RELEASE.statement, CLIENT_RELEASE.read
