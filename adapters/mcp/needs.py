"""Which scopes an MCP message needs: the front reads them from the message, and the tool's ask is checked again.

A message that can be read in more than one way is refused.
"""

from __future__ import annotations

import json
from typing import Any

from mcp.server.context import ServerRequestContext

from adapters.http.access import CALLER
from adapters.mcp.offering import USE, unwrapped
from arcops.errors import ArcOpsError, Refused
from artifacts.wire import from_json
from capabilities.catalogue import all_tools
from capabilities.contract import Scope, Tool
from foundation.messages import one_reading
from foundation.tokens import PREFIX, Caller


def needed_by_call(body: bytes) -> tuple[Scope, ...]:
    """The scopes that an MCP message needs: those of the tool call in it, or read for any other message.

    Raises `Refused` if it is not a message, or can be read in more than one way.
    """
    if not body:
        return (Scope.READ,)
    message = one_reading(body, "the message")
    if not isinstance(message, dict):
        return (Scope.READ,)
    if message.get("method") == "tasks/cancel":
        return (Scope.CHECK,)
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return (Scope.READ,)
    name, arguments = params.get("name"), params.get("arguments")
    if name == USE and isinstance(arguments, dict | None):
        try:
            name, arguments = unwrapped(arguments)
        except Refused:
            return (Scope.READ,)  # it calls no tool, and its answer says so
    tool = next((one for one in all_tools() if one.name == name), None)
    return (Scope.READ,) if tool is None else _needed(tool, arguments)


def permit(ctx: ServerRequestContext[Any, Any], tool: Tool[Any, Any], ask: Any) -> None:
    """Raises `Refused` if the caller of this request lacks a scope that *ask*, as it was understood, needs."""
    request: Any = ctx.request  # ``None`` over standard streams, whose client is this user
    caller: Caller | None = request.scope.get(CALLER) if request is not None else None
    lacking = [one.value for one in tool.scopes(ask) if caller is not None and one.value not in caller.scopes]
    if lacking:
        raise Refused(f"this needs the scope {PREFIX}{lacking[0]}, which the token does not grant")


def _needed(tool: Tool[Any, Any], arguments: object) -> tuple[Scope, ...]:
    try:
        return tool.scopes(from_json(tool.ask, json.dumps(arguments or {})))
    except (ArcOpsError, ValueError, RecursionError):
        return (tool.scope,)  # it is not an ask of this tool, and the tool's call says so
