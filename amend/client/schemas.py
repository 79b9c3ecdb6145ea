"""Pieces of the JSON Schemas of clients' files, as strict as the client's documentation and not as lenient as the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amend.client.family import Value

TEXT: dict[str, Value] = {"type": "string", "minLength": 1}
TEXTS: dict[str, Value] = {"type": "array", "items": {"type": "string"}}
SOME_TEXTS: dict[str, Value] = {"type": "array", "items": TEXT, "minItems": 1}
MAP: dict[str, Value] = {"type": "object", "additionalProperties": {"type": "string"}}
URL: dict[str, Value] = {"type": "string", "pattern": "^https?://[^\\s]+$"}
YES: dict[str, Value] = {"type": "boolean"}
NAMES: dict[str, Value] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"}


def one_of(*values: str) -> dict[str, Value]:
    """One of these texts."""
    return {"enum": list(values)}


def kind(required: Sequence[str], properties: Mapping[str, Value]) -> dict[str, Value]:
    """An object with these properties and no others."""
    return {"type": "object", "required": list(required), "properties": dict(properties), "additionalProperties": False}


def document(
    key: Sequence[str], kinds: Sequence[Value], *, title: str, beside: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """A file whose entries stand under *key*, each of one of these *kinds*, with what may stand *beside* the first key."""
    inner: dict[str, Value] = {"type": "object", "propertyNames": NAMES, "additionalProperties": {"oneOf": list(kinds)}}
    for depth, step in enumerate(reversed(key)):
        outermost = depth == len(key) - 1
        inner = kind([step], {step: inner, **(dict(beside or {}) if outermost else {})})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **inner}
