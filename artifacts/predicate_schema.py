"""The schemas of signed statements, made from the types; tests compare the published files with them."""

from __future__ import annotations

import json

from artifacts import typed
from artifacts.predicate import Predicate
from artifacts.statement import STATEMENT


def predicate_schema(predicate: Predicate) -> str:
    """The schema of statements of *predicate* about one subject, made from the types: the published file must equal it."""
    definitions: dict[str, typed.JSON] = {}
    body = typed.schema(predicate.holds, definitions)
    document: typed.JSON = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{predicate.uri}.schema.json",
        "title": predicate.title,
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
            "predicateType": {"const": predicate.uri},
            "predicate": body,
        },
        "required": ["_type", "subject", "predicateType", "predicate"],
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(document, indent=2) + "\n"
