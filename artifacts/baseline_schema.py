"""The schema of baseline statements, made from the types; the published file is held to it."""

from __future__ import annotations

from arcops.seen.baseline import Baseline
from artifacts.baseline import BASELINE
from artifacts.readiness_schema import statement_schema


def baseline_schema() -> str:
    """The schema of baseline statements, as the types make it: what the published file must hold."""
    return statement_schema(BASELINE, "ArcOps benchmark baseline, version 1: an in-toto Statement v1", Baseline)
