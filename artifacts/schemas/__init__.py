"""The published JSON Schemas (draft 2020-12) of what ArcOps signs, one file a predicate type, made from the types."""

from __future__ import annotations

from pathlib import Path

from arcops.errors import Refused
from artifacts.predicates import known


def schema_text(predicate_type: str) -> str:
    """The published schema of whole statements of *predicate_type*, as JSON text. Raises `Refused` if it has no schema."""
    predicate = known(predicate_type)
    if predicate is None or not predicate.published:
        raise Refused(f"there is no published schema for the predicate type {predicate_type[:200]!r}")
    return (Path(__file__).parent / predicate.file).read_text(encoding="utf-8")
