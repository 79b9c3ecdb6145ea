"""The published JSON Schemas (draft 2020-12) of what ArcOps signs, one file a predicate type, made from the types."""

from __future__ import annotations

import json
from importlib import resources

from arcops.errors import Refused

_FILES = {"https://arcops.dev/predicates/readiness-report/v1": "readiness-report-v1.json"}


def schema_text(predicate_type: str) -> str:
    """The published schema of whole statements of *predicate_type*, as JSON text. Raises `Refused` where there is none."""
    if predicate_type not in _FILES:
        raise Refused(f"there is no published schema for predicate type {predicate_type!r}")
    return resources.files(__name__).joinpath(_FILES[predicate_type]).read_text(encoding="utf-8")


def readiness_schema() -> str:
    """The schema of readiness statements, as the types in `artifacts.statement` make it: what the published file must hold."""
    from artifacts import typed
    from artifacts.statement import READINESS, STATEMENT, ReadinessReport

    definitions: dict[str, typed.JSON] = {}
    body = typed.schema(ReadinessReport, definitions)
    document: typed.JSON = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{READINESS}.schema.json",
        "title": "ArcOps readiness report, version 1: an in-toto Statement v1",
        "type": "object",
        "properties": {
            "_type": {"const": STATEMENT},
            "subject": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "digest": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
                    },
                    "required": ["name", "digest"],
                    "additionalProperties": False,
                },
            },
            "predicateType": {"const": READINESS},
            "predicate": body,
        },
        "required": ["_type", "subject", "predicateType", "predicate"],
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(document, indent=2) + "\n"
