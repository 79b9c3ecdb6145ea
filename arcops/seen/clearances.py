"""What sealed artifacts say about the models that workloads name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.repairing import TRUST, Repair
from arcops.signer import ProvenSigner
from arcops.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """One artifact about the subject with this digest. Its signature by the ``signers``, all keys of the trust folder, is
    proven.

    ``kind`` is what the artifact calls its subject, ``position`` its number in the log, which says what is newer.
    """

    model: str
    name: str
    artifact: str
    verdict: Verdict
    policy_name: str
    policy_digest: str
    judged_at: datetime
    valid_until: datetime
    signers: tuple[ProvenSigner, ...]
    kind: str = ""
    position: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An artifact about a named model. It is not known whether it counts; ``said`` says why."""

    model: str
    artifact: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearances(Body):
    """Every artifact that counts here, in the order of the log.

    ``unproven`` are artifacts about a named model that do not count: no trusted key signed them, or the key or the artifact is
    revoked. ``doubts`` may count. ``problems`` say what is wrong with the log that all this was read from.
    ``own_key`` is the id of the key of the site that collected this.
    """

    KIND: ClassVar[str] = "clearances"
    REPAIRS: ClassVar[tuple[Repair, ...]] = TRUST

    found: tuple[Clearance, ...] = ()
    unproven: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    problems: tuple[str, ...] = ()
    own_key: str = ""
