"""The card of an agent that speaks A2A (Agent2Agent), as an entry of a kind of its own. Nothing here talks to an agent.

Source: A2A protocol 1.0, 4.4.1 (AgentCard); 0.3 says the same with ``url`` and ``preferredTransport`` at its top.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from arcops.errors import Refused
from services.host.catalog.document import Document, Kind, canonical_text, refuse_range

if TYPE_CHECKING:
    import jsonschema_rs

_TEXT = {"type": "string", "maxLength": 4096}
_SAID = {"type": "string", "minLength": 1, "maxLength": 4096}
_MODES = {"type": "array", "maxItems": 100, "items": {"type": "string", "minLength": 1, "maxLength": 200}}
_URL = {"type": "string", "pattern": r"^https?://[^\s]+$", "maxLength": 2048}
_FLAG = {"type": "boolean"}
_SCHEMES = {"type": "array", "maxItems": 50, "items": {"type": "object"}}
_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "description", "version", "capabilities", "defaultInputModes", "defaultOutputModes", "skills"],
    "anyOf": [{"required": ["supportedInterfaces"]}, {"required": ["url", "protocolVersion"]}],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": _SAID,
        "version": {"type": "string", "minLength": 1, "maxLength": 255},
        "protocolVersion": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+(\.[0-9]+)?$"},
        "url": _URL,
        "preferredTransport": {"type": "string", "minLength": 1, "maxLength": 100},
        "additionalInterfaces": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["url", "transport"],
                "properties": {"url": _URL, "transport": {"type": "string", "minLength": 1, "maxLength": 100}},
                "additionalProperties": False,
            },
        },
        "supportedInterfaces": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["url", "protocolBinding", "protocolVersion"],
                "properties": {
                    "url": _URL,
                    "protocolBinding": {"type": "string", "minLength": 1, "maxLength": 100},
                    "protocolVersion": {"type": "string", "minLength": 1, "maxLength": 20},
                    "tenant": _TEXT,
                },
                "additionalProperties": False,
            },
        },
        "capabilities": {
            "type": "object",
            "properties": {
                "streaming": _FLAG,
                "pushNotifications": _FLAG,
                "stateTransitionHistory": _FLAG,
                "extendedAgentCard": _FLAG,
                "extensions": {
                    "type": "array",
                    "maxItems": 100,
                    "items": {
                        "type": "object",
                        "required": ["uri"],
                        "properties": {"uri": _SAID, "description": _TEXT, "required": _FLAG, "params": {"type": "object"}},
                    },
                },
            },
        },
        "provider": {
            "type": "object",
            "required": ["organization", "url"],
            "properties": {"organization": _SAID, "url": _URL},
        },
        "documentationUrl": _URL,
        "iconUrl": _URL,
        "supportsAuthenticatedExtendedCard": _FLAG,
        "securitySchemes": {"type": "object", "additionalProperties": {"type": "object"}},
        "security": _SCHEMES,
        "securityRequirements": _SCHEMES,
        "signatures": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["protected", "signature"],
                "properties": {"protected": _SAID, "signature": _SAID, "header": {"type": "object"}},
            },
        },
        "defaultInputModes": _MODES,
        "defaultOutputModes": _MODES,
        "skills": {
            "type": "array",
            "maxItems": 500,
            "items": {
                "type": "object",
                "required": ["id", "name", "description", "tags"],
                "properties": {
                    "id": {"type": "string", "minLength": 1, "maxLength": 200},
                    "name": _SAID,
                    "description": _SAID,
                    "tags": {"type": "array", "maxItems": 100, "items": {"type": "string", "maxLength": 200}},
                    "examples": {"type": "array", "maxItems": 100, "items": _TEXT},
                    "inputModes": _MODES,
                    "outputModes": _MODES,
                },
            },
        },
    },
}


def is_card(value: object) -> bool:
    """Is *value* meant as an agent's card? An MCP server's document has no skills."""
    return isinstance(value, dict) and "skills" in value and "server" not in value


def read_card(value: object, what: str) -> Document:
    """The card *value* as a version of an entry. Its name is the host of its first address, turned round, and its own name.

    Raises `Refused`.
    """
    import jsonschema_rs

    try:
        _validator().validate(value)
    except jsonschema_rs.ValidationError as error:
        at = "/".join(str(one) for one in error.instance_path)
        raise Refused(f"{what} is no agent card of A2A, at {at or 'its top'}: {error.message[:200]}") from None
    card = cast(dict[str, Any], value)
    refuse_range(card["version"], f"the version of {what}")
    ids = [one["id"] for one in card["skills"]]
    if twice := next((one for one in ids if ids.count(one) > 1), ""):
        raise Refused(f"{what} has the skill {twice[:80]!r} twice, so no one can say which one is meant")
    url = card["supportedInterfaces"][0]["url"] if "supportedInterfaces" in card else card["url"]
    skills = [f"{one['name']} {' '.join(one['tags'])}" for one in card["skills"]]
    return Document(
        kind=Kind.AGENT,
        name=_name(url, card["name"], what),
        version=card["version"],
        title=card["name"][:100],
        description=card["description"][:1000],
        text=canonical_text(card, what),
        words=" ".join(["a2a agent", *skills])[:4000],
    )


def _name(url: str, named: str, what: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    slug = re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")
    if not re.fullmatch(r"[a-z0-9.-]+", host) or not slug:
        raise Refused(f"{what} has no address and name from which an entry could get its name")
    return f"{'.'.join(reversed(host.split('.')))[:99]}/{slug[:100]}"


@cache
def _validator() -> jsonschema_rs.Validator:
    import jsonschema_rs  # only an import of cards needs it

    return jsonschema_rs.validator_for(_SCHEMA, offline=True)
