"""What sealed artifacts say of the models that workloads name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.signer import Signer
from arcops.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """One artifact about the model of this digest, its signature proven by the ``signers``, all keys of the trust folder."""

    model: str
    name: str
    artifact: str
    verdict: Verdict
    policy_name: str
    policy_digest: str
    judged_at: datetime
    valid_until: datetime
    signers: tuple[Signer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearances(Body):
    """Every artifact found, newest last. ``unproven`` are artifacts about a named model that no trusted key signed."""

    KIND: ClassVar[str] = "clearances"

    found: tuple[Clearance, ...] = ()
    unproven: tuple[str, ...] = ()
