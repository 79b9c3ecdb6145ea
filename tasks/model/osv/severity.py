"""CVSS base scores of the vectors in advisories, in tenths, so that evidence holds no float.

OSV schema, ``severity[]``. The arithmetic of CVSS 2.0, 3.x and 4.0 (FIRST) is that of the ``cvss`` library.
"""

from __future__ import annotations

from functools import lru_cache

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CvssScore:
    """``score`` is the base score in tenths, 0 to 100; ``None`` if no vector could be read."""

    vector: str = ""
    score: int | None = None


def worst_severity(vectors: list[tuple[str, str]]) -> CvssScore:
    """The highest base score among *vectors*, pairs of OSV severity type and score text.

    An advisory may have one vector of each CVSS version. The highest score decides, because no version is more trustworthy
    than another.
    """
    scored = [CvssScore(vector=text, score=score) for kind, text in vectors if (score := base_score(kind, text)) is not None]
    return max(scored, key=lambda severity: (severity.score or 0, severity.vector), default=CvssScore())


@lru_cache(maxsize=4096)
def base_score(kind: str, vector: str) -> int | None:
    """The base score of *vector* in tenths, or ``None`` if *kind* is not CVSS or the vector breaks its grammar."""
    from cvss import CVSS2, CVSS3, CVSS4  # type: ignore[import-untyped]  # the library ships no types
    from cvss.exceptions import CVSSError  # type: ignore[import-untyped]  # as above

    reader = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}.get(kind)
    if reader is None or len(vector) > 512:
        return None
    try:
        score = reader(vector).base_score
    except CVSSError:
        return None
    return None if score is None else round(score * 10)
