"""A file that may hold a signature; its content is not checked yet."""

from __future__ import annotations

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Its bytes, or the reason why it could not be read."""

    path: str
    data: bytes
    attached: bool
    problem: str = ""
    sha256: str = ""
