"""What a sealed artifact says of itself, in the few words that a listing shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``evidence`` are the digests of what the artifact stands on, evidence bodies and its policy; ``None`` where the predicate
    is not one that names them in a way known here.

    ``gates`` are the ids of the gates that were asked, each with its verdict. ``kind`` is the kind of subject, empty where the
    predicate knows none.
    """

    predicate_type: str
    subject: str
    digests: tuple[str, ...]
    evidence: frozenset[str] | None = None
    verdict: str = ""
    policy: str = ""
    judged_at: str = ""
    valid_until: str = ""
    site: str = ""
    gates: tuple[tuple[str, str], ...] = ()
    kind: str = ""
