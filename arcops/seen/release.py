"""What sealed artifacts say about the parts of a release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.repairing import TRUST, Repair
from arcops.signer import ProvenSigner
from arcops.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that parts of one release must agree on: ``key`` is ``model`` (a digest), ``gpu`` (a product's name) or
    ``cluster`` (the UID of its namespace kube-system).
    """

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One artifact about a part. Its signature by the ``signers``, all keys of the trust folder, is proven.

    ``subject`` has the digests of what it is about, ``site`` is the place that judged, ``position`` its number in the log,
    which says what is newer, and ``gates`` are those that judged. ``facts`` are from its evidence; ``unread`` names evidence
    that the store does not hold as it was. ``worst`` is the first finding that made it worse than GREEN, in one sentence.
    """

    artifact: str
    subject: tuple[str, ...]
    verdict: Verdict
    policy_name: str
    policy_digest: str
    site: str
    judged_at: datetime
    valid_until: datetime
    signers: tuple[ProvenSigner, ...]
    position: int
    gates: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    unread: tuple[str, ...] = ()
    worst: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSeen:
    """A part of the plan. ``flow`` is the evaluation that judges it, ``kind`` is what an artifact calls such a subject,
    ``name`` its name, and ``digest`` its content as it is now, or empty for what runs (a cluster, a node, an endpoint), whose
    name and site say what it is. ``policy`` is the digest of the policy that must have judged it.

    ``gates`` are all that its flow asks of that policy.

    ``answers`` are the newest artifact about it by this policy, and one that was judged later and says worse, if there is one;
    ``others`` counts those about it that do not count: by another policy, or by no trusted signer. ``doubts`` are artifacts
    that may be about it and cannot be read. ``problem`` says why it could not be checked, if it could not.

    ``models`` is ``None``, except of a plan of models on GPUs: then the digests of those models that are parts of the release,
    too, as they are now.
    """

    part: str
    flow: str
    kind: str
    name: str
    policy: str
    digest: str = ""
    gates: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    others: int = 0
    doubts: tuple[str, ...] = ()
    problem: str = ""
    models: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseParts(Body):
    """Every part of the plan, in its order. ``plan`` is the SHA-256 (hex) of what the release is: its name, site, model, and
    parts with their policies. ``site`` and ``model`` are what every part must be about. ``problems`` say what is wrong with
    the log that all this was read from. ``own_key`` is the id of the key of the site that collected this.
    """

    KIND: ClassVar[str] = "release-parts"
    REPAIRS: ClassVar[tuple[Repair, ...]] = TRUST

    plan: str
    name: str
    site: str
    model: str
    parts: tuple[PartSeen, ...]
    problems: tuple[str, ...] = ()
    own_key: str = ""

    @property
    def names_subject(self) -> str:
        return self.plan

    @property
    def holds_until(self) -> datetime | None:
        """The moment when the first of its newest answers ends."""
        ends = [max(part.answers, key=lambda one: one.position).valid_until for part in self.parts if part.answers]
        return min(ends, default=None)
