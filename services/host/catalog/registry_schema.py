"""The format of the public MCP registry, as JSON Schema: a server's document (``server.json``) and the answers of its API.

It says what the published schema 2025-12-11 and the registry's OpenAPI description (v0.1) demand, in our own words, and bounds
what they leave open, because a document comes from anyone. Unknown members are kept, as there.
Source: modelcontextprotocol/registry, docs/reference/server-json and docs/reference/api, December 2025.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from arcops.errors import Refused

if TYPE_CHECKING:
    import jsonschema_rs

OFFICIAL = "io.modelcontextprotocol.registry/official"
"""In ``_meta`` of an answer: what the registry itself says of a version."""
STATUSES = ("active", "deprecated", "deleted")
_MOST_ITEMS = 200
_TEXT = {"type": "string", "maxLength": 4096}
_URL = {"type": "string", "format": "uri", "maxLength": 2048}
_MOMENT = {"type": "string", "format": "date-time", "maxLength": 64}


def _all(items: object) -> dict[str, Any]:
    return {"type": "array", "maxItems": _MOST_ITEMS, "items": items}


def _any_of(*refs: str) -> dict[str, Any]:
    return {"anyOf": [_ref(one) for one in refs]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _transport(kind: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "url"],
        "properties": {
            "type": {"const": kind},
            "url": {"type": "string", "pattern": r"^(https?://[^\s]+|\{[a-zA-Z_][a-zA-Z0-9_]*\}[^\s]*)$", "maxLength": 2048},
            "headers": _all(_ref("named")),
        },
    }


_DEFINITIONS: Mapping[str, Any] = {
    "input": {
        "type": "object",
        "properties": {
            "description": _TEXT,
            "isRequired": {"type": "boolean"},
            "isSecret": {"type": "boolean"},
            "format": {"enum": ["string", "number", "boolean", "filepath"]},
            "value": _TEXT,
            "default": _TEXT,
            "placeholder": _TEXT,
            "choices": _all(_TEXT),
        },
    },
    "variables": {"type": "object", "maxProperties": _MOST_ITEMS, "additionalProperties": _ref("input")},
    "filled": {"allOf": [_ref("input"), {"properties": {"variables": _ref("variables")}}]},
    "named": {"allOf": [_ref("filled"), {"required": ["name"], "properties": {"name": _TEXT}}]},
    "argument": {
        "allOf": [_ref("filled"), {"required": ["type"], "properties": {"isRepeated": {"type": "boolean"}}}],
        "oneOf": [
            {
                "properties": {"type": {"const": "positional"}, "valueHint": _TEXT},
                "anyOf": [{"required": ["valueHint"]}, {"required": ["value"]}],
            },
            {"properties": {"type": {"const": "named"}, "name": _TEXT}, "required": ["name"]},
        ],
    },
    "stdio": {"type": "object", "required": ["type"], "properties": {"type": {"const": "stdio"}}},
    "http": _transport("streamable-http"),
    "sse": _transport("sse"),
    "remote": {**_any_of("http", "sse"), "properties": {"variables": _ref("variables")}},
    "package": {
        "type": "object",
        "required": ["registryType", "identifier", "transport"],
        "properties": {
            "registryType": {"type": "string", "minLength": 1, "maxLength": 50},
            "registryBaseUrl": _URL,
            "identifier": {"type": "string", "minLength": 1, "maxLength": 2048},
            "version": {"type": "string", "minLength": 1, "maxLength": 255, "not": {"const": "latest"}},
            "fileSha256": {"type": "string", "pattern": "^[a-f0-9]{64}$"},
            "runtimeHint": {"type": "string", "maxLength": 100},
            "transport": _any_of("stdio", "http", "sse"),
            "runtimeArguments": _all(_ref("argument")),
            "packageArguments": _all(_ref("argument")),
            "environmentVariables": _all(_ref("named")),
        },
    },
    "repository": {
        "type": "object",
        "required": ["url", "source"],
        "properties": {
            "url": _URL,
            "source": {"type": "string", "maxLength": 100},
            "id": {"type": "string", "maxLength": 200},
            "subfolder": {"type": "string", "maxLength": 1000},
        },
    },
    "icon": {
        "type": "object",
        "required": ["src"],
        "properties": {
            "src": {"type": "string", "format": "uri", "maxLength": 255},
            "mimeType": {"enum": ["image/png", "image/jpeg", "image/jpg", "image/svg+xml", "image/webp"]},
            "sizes": _all({"type": "string", "pattern": r"^(\d+x\d+|any)$"}),
            "theme": {"enum": ["light", "dark"]},
        },
    },
    "server": {
        "type": "object",
        "required": ["name", "description", "version"],
        "properties": {
            "$schema": _URL,
            "name": {"type": "string", "minLength": 3, "maxLength": 200, "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$"},
            "title": {"type": "string", "minLength": 1, "maxLength": 100},
            "description": {"type": "string", "minLength": 1, "maxLength": 100},
            "version": {"type": "string", "minLength": 1, "maxLength": 255, "not": {"const": "latest"}},
            "websiteUrl": _URL,
            "repository": _ref("repository"),
            "icons": _all(_ref("icon")),
            "packages": _all(_ref("package")),
            "remotes": _all(_ref("remote")),
            "_meta": {"type": "object"},
        },
    },
    "official": {
        "type": "object",
        "properties": {
            "status": {"enum": list(STATUSES)},
            "statusMessage": {"type": "string", "maxLength": 500},
            "statusChangedAt": _MOMENT,
            "publishedAt": _MOMENT,
            "updatedAt": _MOMENT,
            "isLatest": {"type": "boolean"},
        },
    },
    "response": {
        "type": "object",
        "required": ["server"],
        "properties": {
            "server": _ref("server"),
            "_meta": {"type": "object", "properties": {OFFICIAL: _ref("official")}},
        },
    },
    "list": {
        "type": "object",
        "required": ["servers"],
        "properties": {
            "servers": {"type": "array", "items": _ref("response")},
            "metadata": {
                "type": "object",
                "properties": {"nextCursor": {"type": "string"}, "count": {"type": "integer", "minimum": 0}},
            },
        },
    },
}


def schema_of(name: str) -> dict[str, Any]:
    """The schema of ``server``, ``response`` or ``list``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": dict(_DEFINITIONS), **_ref(name)}


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    import jsonschema_rs  # only what reads documents needs it

    return jsonschema_rs.validator_for(schema_of(name), validate_formats=True, offline=True)


def refuse_unlike(name: str, value: object, what: str) -> None:
    """Raise `Refused` with the first place in which *value* is no ``server``, ``response`` or ``list``; *what* is its name."""
    import jsonschema_rs

    try:
        _validator(name).validate(value)
    except jsonschema_rs.ValidationError as error:
        at = "/".join(str(one) for one in error.instance_path)
        raise Refused(f"{what} is not in the format of the MCP registry, at {at or 'its top'}: {error.message[:200]}") from None
