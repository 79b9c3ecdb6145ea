"""What a sealed artifact says about itself, in the few values that a listing shows."""

from __future__ import annotations

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``evidence`` are the digests of the artifact's evidence bodies and its policy; ``None`` if the predicate does not name
    them in a known way.

    ``gates`` are the ids of the gates that judged, each with its verdict. ``kind`` is the kind of subject, empty if the
    predicate has no kinds.
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
