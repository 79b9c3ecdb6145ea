"""The schemas of signed statements, made from the types; the published files are held to them."""

from __future__ import annotations

import json
from typing import Any

from artifacts import typed
from artifacts.statement import READINESS, STATEMENT, ReadinessReport


def readiness_schema() -> str:
    """The schema of readiness statements, as the types make it: what the published file must hold."""
    return statement_schema(READINESS, "ArcOps readiness report, version 1: an in-toto Statement v1", ReadinessReport)


def statement_schema(predicate_type: str, title: str, predicate: type[Any]) -> str:
    """The schema of statements about one subject, whose predicate is of *predicate_type* and holds a *predicate*."""
    definitions: dict[str, typed.JSON] = {}
    body = typed.schema(predicate, definitions)
    document: typed.JSON = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{predicate_type}.schema.json",
        "title": title,
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
            "predicateType": {"const": predicate_type},
            "predicate": body,
        },
        "required": ["_type", "subject", "predicateType", "predicate"],
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(document, indent=2) + "\n"
