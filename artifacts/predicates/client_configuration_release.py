"""The release of an MCP client's configuration: who published which payload, under which policy."""

from __future__ import annotations

from artifacts.client_release import CLIENT_RELEASE, ClientRelease, release_from
from artifacts.predicate import Predicate
from artifacts.typed import moment
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    release = release_from(statement)
    return Said(
        predicate_type=CLIENT_RELEASE,
        subject=f"{release.client}/{release.profile}",
        digests=(release.artifact,),
        evidence=frozenset((release.artifact, release.policy_digest, release.draft_digest)),
        policy=release.policy_set,
        judged_at=moment(release.issued_at),
        valid_until=moment(release.valid_until),
        kind="client-configuration-release",
    )


CLIENT_CONFIGURATION_RELEASE = Predicate(
    uri=CLIENT_RELEASE,
    title="ArcOps release of an MCP client's configuration, version 1: an in-toto Statement v1",
    holds=ClientRelease,
    read=release_from,
    said=_said,
    published=True,
)
