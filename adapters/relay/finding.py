"""Two tools instead of hundreds of definitions: one finds tools by words, with their schemas; one calls what was found.

No hosted server's name begins with ``_``, so no tool of one has these names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from services.host import envelope
from services.host.envelope import INVALID_PARAMS, Malformed

if TYPE_CHECKING:  # the relay in a pod knows no verdicts and no rows
    from services.host.offers import Offer

FIND, USE = "_find_tools", "_use_tool"
_MOST_FOUND = 5
_MOST_NAMED = 100
FIND_TOOL: dict[str, Any] = {
    "name": FIND,
    "title": "Find tools",
    "description": "Find tools of the hosted servers by what they should do; the best come with the schemas of their input.",
    "inputSchema": {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "Words; empty: the name of every tool."}},
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True, "openWorldHint": False},
}
USE_TOOL: dict[str, Any] = {
    "name": USE,
    "title": "Use a tool that was found",
    "description": f"Call a tool that {FIND} found, by its name, with its own arguments; it answers as if called itself.",
    "inputSchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name"],
        "additionalProperties": False,
    },
}


def found(tools: Iterable[Offer], arguments: Raw | None) -> dict[str, Any]:
    """The result of `FIND`: the best of *tools* with their definitions, and names of what else matches. Raises `Malformed`."""
    given = _arguments(arguments, FIND)
    query = given.get("query", "")
    if set(given) - {"query"} or not isinstance(query, str):
        raise Malformed(INVALID_PARAMS, f"{FIND} takes one argument, query, which is a text")
    words = re.findall(r"\w+", query[:1000].lower())
    tools = tuple(tools)
    if not words:
        return _said({"tools": [], "names": [one.name for one in tools]})
    ranked = [(sum(word in one.about for word in words), one) for one in tools]
    best = sorted((one for one in ranked if one[0]), key=lambda one: (-one[0], one[1].name))
    definitions = [json.loads(one.definition) for _, one in best[:_MOST_FOUND]]
    names = [one.name for _, one in best[_MOST_FOUND : _MOST_FOUND + _MOST_NAMED]]
    told = {"tools": definitions, "alsoMatching": names}
    return _said({**told, "next": f"call one with {USE}" if best else "nothing matches; an empty query names every tool"})


def unwrapped(arguments: Raw | None) -> tuple[str, Raw]:
    """The tool that `USE` is to call, and its arguments. Raises `Malformed`."""
    given = _arguments(arguments, USE)
    name = given.get("name")
    inner = given.get("arguments", {})
    if not isinstance(name, str) or not isinstance(inner, dict) or set(given) - {"name", "arguments"}:
        raise Malformed(
            INVALID_PARAMS, f"{USE} takes name, the name of a tool, and arguments, an object with its own arguments"
        )
    members = envelope.members(arguments) if arguments is not None else None
    return name, (members or {}).get("arguments", Raw(b"{}"))


def _arguments(raw: Raw | None, name: str) -> dict[str, Any]:
    try:
        given = envelope.value(raw) if raw is not None else {}
    except msgspec.DecodeError:
        given = None
    if not isinstance(given, dict):
        raise Malformed(INVALID_PARAMS, f"the arguments of {name} are no object that can be read")
    return given


def _said(told: dict[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": json.dumps(told, ensure_ascii=False)}]}
