"""The published JSON Schemas (draft 2020-12) of what ArcOps signs, one file a predicate type, made from the types."""

from __future__ import annotations

from pathlib import Path

from arcops.errors import Refused

_FILES = {
    "https://arcops.dev/predicates/readiness-report/v1": "readiness-report-v1.json",
    "https://arcops.dev/predicates/benchmark-baseline/v1": "benchmark-baseline-v1.json",
}


def schema_text(predicate_type: str) -> str:
    """The published schema of whole statements of *predicate_type*, as JSON text. Raises `Refused` where there is none."""
    if predicate_type not in _FILES:
        raise Refused(f"there is no published schema for predicate type {predicate_type!r}")
    return (Path(__file__).parent / _FILES[predicate_type]).read_text(encoding="utf-8")
