"""The approval of a waiver: who accepts which waiver of which policy."""

from __future__ import annotations

from artifacts.typed import moment
from artifacts.waiver_approval import WAIVER_APPROVAL as RECORD

WAIVER_APPROVAL = RECORD.predicate(
    "ArcOps approval of a waiver, version 1: an in-toto Statement v1",
    lambda approval: RECORD.said(
        approval,
        policy=approval.policy,
        judged_at=moment(approval.approved_at),
        valid_until=moment(approval.waiver.expires),
    ),
)
