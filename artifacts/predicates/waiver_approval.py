"""The approval of a waiver: who accepts which waiver of which policy."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.typed import moment
from artifacts.waiver_approval import WAIVER_APPROVAL as _URI
from artifacts.waiver_approval import WaiverApproval, approval_from, waiver_digest
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    approval = approval_from(statement)
    return Said(
        predicate_type=_URI,
        subject=approval.waiver.rule,
        digests=(waiver_digest(approval.waiver),),
        evidence=frozenset(),
        policy=approval.policy,
        judged_at=moment(approval.approved_at),
        valid_until=moment(approval.waiver.expires),
        kind="waiver-approval",
    )


WAIVER_APPROVAL = Predicate(
    uri=_URI,
    title="ArcOps approval of a waiver, version 1: an in-toto Statement v1",
    holds=WaiverApproval,
    read=approval_from,
    said=_said,
    published=True,
)
