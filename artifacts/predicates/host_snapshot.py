"""The gateway and network configuration of a site's hosts."""

from __future__ import annotations

from artifacts.host_snapshot import HOST_SNAPSHOT as RECORD
from artifacts.host_snapshot import HostSnapshot, content_of
from artifacts.predicate import Predicate
from artifacts.typed import moment
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    snapshot = RECORD.read(statement)
    return Said(
        predicate_type=RECORD.uri,
        subject=snapshot.site or "a site without a name",
        digests=(content_of(snapshot.configuration),),
        evidence=frozenset(),
        judged_at=moment(snapshot.taken),
        site=snapshot.site,
        kind="host-snapshot",
    )


HOST_SNAPSHOT = Predicate(
    uri=RECORD.uri,
    title="ArcOps snapshot of a host's configuration, version 1: an in-toto Statement v1",
    holds=HostSnapshot,
    read=RECORD.read,
    said=_said,
    published=True,
)
