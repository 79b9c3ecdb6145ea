"""The approval of a waiver as an in-toto Statement v1, and strictly back: who approved which waiver of which policy, and when.

The statement's subject is the waiver, so its digest is that of the waiver's canonical bytes. A waiver that is changed in any
way is another one, and needs new approvals.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from arcops.errors import Refused
from arcops.finding import Waiver
from artifacts.canonical import canonical
from artifacts.record import Record
from artifacts.typed import dump


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who approved: a caller, by the issuer, the tenant and the id there. The issuer ``arcops`` is the place that signed."""

    issuer: str
    tenant: str
    id: str

    def __str__(self) -> str:
        return f"{self.issuer},{self.tenant},{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverApproval:
    """``approver`` accepts ``waiver`` in the policy that is named ``policy``. ``accessPolicy`` is the digest of the policy by
    which this place decided that the approver may.
    """

    policy: str
    waiver: Waiver
    approver: Approver
    approved_at: datetime
    access_policy: str


def waiver_digest(waiver: Waiver) -> str:
    """``sha256:…`` of the canonical bytes (RFC 8785) of *waiver*."""
    return f"sha256:{hashlib.sha256(canonical(dump(waiver))).hexdigest()}"


def _check(approval: WaiverApproval) -> None:
    if not (approval.policy and approval.approver.issuer and approval.approver.id):
        raise Refused("the approval does not say who approved, or in which policy")


WAIVER_APPROVAL: Record[WaiverApproval] = Record(
    uri="https://arcops.dev/predicates/waiver-approval/v1",
    what="the approval of a waiver",
    holds=WaiverApproval,
    about=lambda approval: (approval.waiver.rule, waiver_digest(approval.waiver)),
    check=_check,
)
approval_statement, approval_from = WAIVER_APPROVAL.statement, WAIVER_APPROVAL.read
