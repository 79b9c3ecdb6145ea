"""What sealed artifacts say about the releases of the models that workloads name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.repairing import TRUST, Repair
from arcops.signer import ProvenSigner
from arcops.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSeen:
    """One verdict about a release of the model with this digest, signed by the ``signers``, all keys of the trust folder.

    ``plan`` is the digest of what the release is, ``site`` the place that judged it, ``position`` the artifact's number in the
    log. ``withdrawn`` says, one sentence each, which of the parts that it cites count no more, or were judged worse since.
    """

    model: str
    plan: str
    name: str
    site: str
    artifact: str
    position: int
    verdict: Verdict
    policy_name: str
    policy_digest: str
    judged_at: datetime
    valid_until: datetime
    signers: tuple[ProvenSigner, ...]
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDoubt:
    """An artifact about a release, of which it is not known whether it counts or which model it is about; ``said`` says why."""

    artifact: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases(Body):
    """The newest verdict about each release of a named model by each policy, in the order of the log; a later entry that says
    better is not among them if an earlier one was judged clearly later.

    ``problems`` say what is wrong with the log that all this was read from. ``site`` is the place that collected this, and
    ``own_key`` the id of its key.
    """

    KIND: ClassVar[str] = "releases"
    REPAIRS: ClassVar[tuple[Repair, ...]] = TRUST

    found: tuple[ReleaseSeen, ...] = ()
    doubts: tuple[ReleaseDoubt, ...] = ()
    problems: tuple[str, ...] = ()
    site: str = ""
    own_key: str = ""
