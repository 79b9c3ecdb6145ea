"""The approvals of a policy's waivers that were found at this place, each in a statement whose signature counts here."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSeen:
    """One approval: of the ``waiver`` with this digest, as it stands in the policy of this name.

    ``approver`` is issuer, tenant and id of a caller, with commas between. ``artifact`` is the digest of the sealed statement,
    and ``signers`` are the ids of the trusted keys that signed it and are not revoked.
    """

    waiver: str
    policy: str
    approver: str
    approved_at: datetime
    artifact: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsSeen(Body):
    """All of them. ``problems`` say why the store's log does not count: then nothing in it does. ``own_key`` is the id of the
    key that signs at this place.
    """

    KIND: ClassVar[str] = "approvals"

    found: tuple[ApprovalSeen, ...]
    problems: tuple[str, ...] = ()
    own_key: str = ""
