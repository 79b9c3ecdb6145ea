"""The approval of a waiver as an in-toto Statement v1, and strictly back: who approved which waiver of which policy, and when.

The statement's subject is the waiver, so its digest is that of the waiver's canonical bytes. A waiver that is changed in any
way is another one, and needs new approvals.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from arcops.errors import Refused
from arcops.finding import Waiver
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.statement import STATEMENT
from artifacts.typed import JSON, dump, load

WAIVER_APPROVAL = "https://arcops.dev/predicates/waiver-approval/v1"


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


def approval_statement(approval: WaiverApproval) -> bytes:
    """The statement of *approval*: the bytes that are signed."""
    digest = waiver_digest(approval.waiver).removeprefix("sha256:")
    subject: JSON = {"name": approval.waiver.rule, "digest": {"sha256": digest}}
    return canonical({"_type": STATEMENT, "subject": [subject], "predicateType": WAIVER_APPROVAL, "predicate": dump(approval)})


def approval_from(data: bytes) -> WaiverApproval:
    """The approval in the statement *data*. Raises `Refused` if it is not an approval, or contradicts itself."""
    document = strict_json(data, "the approval")
    if isinstance(document, dict) and document.get("predicateType") != WAIVER_APPROVAL:
        raise Refused(f"the statement is not an approval of a waiver ({WAIVER_APPROVAL})")
    problem = next(iter(_validator().iter_errors(document)), None)
    if problem is not None:
        where = ".".join(str(part) for part in problem.instance_path) or "the document"
        raise Refused(f"the approval does not match its schema at {where[:200]}: {problem.message[:300]}")
    members = cast(dict[str, Any], document)  # the schema was checked: it is an object with exactly these members
    found = load(WaiverApproval, members["predicate"], "the approval")
    if approval_statement(found) != data:
        raise Refused("the approval's subject is not the waiver that it names, or it is not written canonically")
    if not (found.policy and found.approver.issuer and found.approver.id):
        raise Refused("the approval does not say who approved, or in which policy")
    return found


@cache
def _validator() -> Any:
    import jsonschema_rs

    from artifacts.schemas import schema_text

    return jsonschema_rs.validator_for(schema_text(WAIVER_APPROVAL), mask="the value", offline=True)
