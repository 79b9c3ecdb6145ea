"""Of a server's tools only some may be known to callers: the others are in no list, and cannot be called."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw

from services.host import envelope
from services.host.envelope import INTERNAL_ERROR, Malformed, Message

LIST = "tools/list"
CALL = "tools/call"


def hidden(tools: frozenset[str], method: str, params: Mapping[str, Raw] | None) -> str:
    """The tool that a request asks for and that is not one of *tools*; empty if it asks for none such."""
    if method != CALL:
        return ""
    try:
        name = envelope.text((params or {}).get("name"))
    except msgspec.DecodeError:
        name = ""
    return "" if name in tools else name or "without a name"


def shown(tools: frozenset[str] | None, method: str, found: Message) -> Message:
    """*found*, the answer to *method*, with no tool in it but *tools* (``None``: all). What is no list is an error."""
    if tools is None or method != LIST or found.error is not UNSET:
        return found
    try:
        result = envelope.members(found.result) or {}
        listed = envelope.value(result.get("tools"))
    except (Malformed, msgspec.DecodeError):
        listed = None
    if not isinstance(listed, list):
        return envelope.heard(envelope.error(b"0", INTERNAL_ERROR, "the server's list of tools cannot be read"))
    kept = [one for one in listed if isinstance(one, dict) and one.get("name") in tools]
    return envelope.heard(envelope.result(b"0", envelope.encoded({**result, "tools": kept})))
