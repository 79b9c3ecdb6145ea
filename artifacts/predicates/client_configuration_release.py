"""The release of an MCP client's configuration: who published which payload, under which policy."""

from __future__ import annotations

from artifacts.client_release import CLIENT_RELEASE as RECORD
from artifacts.typed import moment

CLIENT_CONFIGURATION_RELEASE = RECORD.predicate(
    "ArcOps release of an MCP client's configuration, version 1: an in-toto Statement v1",
    lambda release: RECORD.said(
        release,
        evidence=frozenset((release.artifact, release.policy_digest, release.draft_digest)),
        policy=release.policy_set,
        judged_at=moment(release.issued_at),
        valid_until=moment(release.valid_until),
    ),
)
