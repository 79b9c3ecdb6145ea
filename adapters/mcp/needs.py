"""What an MCP message asks, and whether a caller may: the front decides by the message, and the tool's ask is decided again.

A message that can be read in more than one way is refused.
"""

from __future__ import annotations

import json
from typing import Any

from mcp.server.context import ServerRequestContext

from adapters.http.access import IDENTITY, Asked, reads, why_not
from adapters.mcp.offering import USE, unwrapped
from arcops.errors import ArcOpsError, Refused
from arcops.identity import Identity
from artifacts.wire import from_json
from capabilities.access.permitting import permitted
from capabilities.catalogue import tool_named
from capabilities.contract import Scope, Tool
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.decision import Decision
from foundation.authorization.objects import CALL
from foundation.messages import one_reading

_TO_CANCEL = "check_model"
"""Who may call this tool may stop work of their own."""


def asked_by(body: bytes, authorization: Authorization) -> Asked:
    """What the message *body* asks: a tool call, or to read.

    Raises `Refused` if it is not a message, or can be read in more than one way.
    """
    message = one_reading(body, "the message") if body else None
    if not isinstance(message, dict):
        return reads(authorization)
    if message.get("method") == "tasks/cancel":
        return Asked(scopes=(Scope.CHECK,), may=lambda caller: decide(caller, CALL, _TO_CANCEL, None, authorization))
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return reads(authorization)
    name, arguments = params.get("name"), params.get("arguments")
    if name == USE and isinstance(arguments, dict | None):
        try:
            name, arguments = unwrapped(arguments)
        except Refused:
            return reads(authorization)  # it calls no tool, and its answer says so
    tool = tool_named(name) if isinstance(name, str) else None
    return reads(authorization) if tool is None else _called(tool, arguments, authorization)


def permit(ctx: ServerRequestContext[Any, Any], tool: Tool[Any, Any], ask: Any, authorization: Authorization) -> None:
    """Raises `Refused` if the caller of this request may not send *tool* this *ask*, as it was understood."""
    caller = identity(ctx)
    if caller is None:
        return  # over standard streams, whose client is this user
    decision = permitted(tool, ask, caller, authorization)
    if not decision.allowed:
        raise Refused(why_not(decision, tool.scopes(ask), caller))


def identity(ctx: ServerRequestContext[Any, Any]) -> Identity | None:
    """Who sent this request; ``None`` over standard streams."""
    request: Any = ctx.request
    found: Identity | None = request.scope.get(IDENTITY) if request is not None else None
    return found


def _called(tool: Tool[Any, Any], arguments: object, authorization: Authorization) -> Asked:
    try:
        ask = from_json(tool.ask, json.dumps(arguments or {}))
        scopes = tool.scopes(ask)
    except (ArcOpsError, ValueError, RecursionError):  # it is not an ask of this tool, and the tool's call says so
        return Asked(
            scopes=(tool.scope,), may=lambda caller: decide(caller, CALL, tool.name, None, authorization), tool=tool.name
        )

    def may(caller: Identity) -> Decision:
        return permitted(tool, ask, caller, authorization)

    return Asked(scopes=scopes, may=may, tool=tool.name)
