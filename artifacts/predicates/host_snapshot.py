"""The gateway and network configuration of a site's hosts."""

from __future__ import annotations

from artifacts.host_snapshot import HOST_SNAPSHOT as RECORD
from artifacts.typed import moment

HOST_SNAPSHOT = RECORD.predicate(
    "ArcOps snapshot of a host's configuration, version 1: an in-toto Statement v1",
    lambda snapshot: RECORD.said(snapshot, judged_at=moment(snapshot.taken), site=snapshot.site),
)
