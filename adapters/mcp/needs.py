"""Which scope an MCP message takes. What cannot be read in one way only takes none: it is refused."""

from __future__ import annotations

from adapters.tools.contract import Scope, all_tools
from foundation.messages import one_reading


def needed_by_call(body: bytes) -> Scope:
    """The scope that an MCP message takes: a tool's own, and read for everything else. Raises `Refused` for no message."""
    if not body:
        return Scope.READ
    message = one_reading(body, "the message")
    if not isinstance(message, dict):
        return Scope.READ
    params = message.get("params")
    name = params.get("name") if message.get("method") == "tools/call" and isinstance(params, dict) else None
    if message.get("method") == "tasks/cancel":
        return Scope.CHECK
    return next((one.scope for one in all_tools() if one.name == name), Scope.READ)
