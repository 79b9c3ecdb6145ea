"""Which waivers of a policy have the approvals that it demands: pure, from the evidence of approvals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from arcops.evidence import Body, Evidence, Missing
from arcops.finding import Waiver
from arcops.policy import Policy
from arcops.seen.approvals import ApprovalSeen, ApprovalsSeen


def unapproved_waivers(policy: Policy, found: Evidence[Body] | Missing | None, at: datetime) -> Mapping[Waiver, str]:
    """The waivers of *policy* that do not count at *at*, each with why; *found* is the evidence of approvals.

    What could not be looked up approves nothing.
    """
    if not policy.approvals.needed or not policy.waivers:
        return {}
    if not isinstance(found, Evidence) or not isinstance(found.body, ApprovalsSeen):
        why = found.reason if isinstance(found, Missing) else "they were not collected"
        return dict.fromkeys(policy.waivers, f"its approvals are not known: {why}".rstrip("."))
    if found.body.problems:
        return dict.fromkeys(policy.waivers, f"its approvals do not count, because {found.body.problems[0]}".rstrip("."))
    lacking = {}
    for waiver in policy.waivers:
        had = approvers(waiver, policy, found.body, at)
        if len(had) < policy.approvals.needed:
            lacking[waiver] = f"it has {len(had)} of {policy.approvals.needed} approval(s) that policy {policy.name!r} demands"
    return lacking


def approvers(waiver: Waiver, policy: Policy, seen: ApprovalsSeen, at: datetime) -> tuple[str, ...]:
    """Who has approved *waiver* as it stands in *policy*, each once; not the one who owns it.

    An approval counts if this place's own key signed it, or a key that the policy names.
    """
    from artifacts.waiver_approval import waiver_digest

    digest = waiver_digest(waiver)
    keys = frozenset((*policy.approvals.signers, *((seen.own_key,) if seen.own_key else ())))
    counting = [
        one
        for one in seen.found
        if one.waiver == digest
        and one.policy == policy.name
        and keys & set(one.signers)
        and one.approved_at <= at + policy.clock_skew
        and not _owns(one, waiver)
    ]
    return tuple(sorted({one.approver for one in counting}))


def _owns(approval: ApprovalSeen, waiver: Waiver) -> bool:
    return waiver.owner.strip() in (approval.approver, approval.approver.split(",", 2)[2])
