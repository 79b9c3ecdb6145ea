"""The schema of readiness statements, made from the types; the published file is held to it."""

from __future__ import annotations

import json

from artifacts import typed
from artifacts.statement import READINESS, STATEMENT, ReadinessReport


def readiness_schema() -> str:
    """The schema of readiness statements, as the types make it: what the published file must hold."""
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
