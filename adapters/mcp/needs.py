"""What an MCP message asks, read once, and whether a caller may: the tool does what the front understood and decided.

A message that can be read in more than one way is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp.server.context import ServerRequestContext

from adapters.http.access import IDENTITY, Asked, reads, why_not
from adapters.http.calls import DECISION, Call, call_in
from adapters.mcp.drafting import DRAFT
from adapters.mcp.offering import FIND, USE, unwrapped
from arcops.errors import ArcOpsError, Refused
from arcops.identity import Identity
from artifacts.wire import from_json, from_values
from capabilities.access.permitting import connects, permitted
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
    if message.get("method") == "resources/read":
        return replace(reads(authorization), reading=True, id=_id(message))
    if message.get("method") != "tools/call":
        return reads(authorization)
    id_, name, arguments = _id(message), *_named(message.get("params"))
    tool = tool_named(name) if isinstance(name, str) else None
    if tool is not None:
        return _called(id_, tool, arguments, authorization)
    # It calls no tool of ours, and its answer says so.
    return reads(authorization, Call(id=id_, name=str(name)) if name in (FIND, DRAFT) else Call(id=id_))


def permit(ctx: ServerRequestContext[Any, Any], tool: Tool[Any, Any], ask: Any, authorization: Authorization) -> None:
    """Raises `Refused` if the caller of this request may not send *tool* this *ask*, as it was understood."""
    caller = identity(ctx)
    if caller is None:
        return  # over standard streams, whose client is this user
    decision = _decided(ctx, ask) or permitted(tool, ask, caller, authorization)
    if not decision.allowed:
        raise Refused(why_not(decision, tool.scopes(ask), caller))


def identity(ctx: ServerRequestContext[Any, Any]) -> Identity | None:
    """Who sent this request; ``None`` over standard streams."""
    request: Any = ctx.request
    found: Identity | None = request.scope.get(IDENTITY) if request is not None else None
    return found


def understood(ctx: ServerRequestContext[Any, Any], tool: Tool[Any, Any], arguments: Mapping[str, object] | None) -> Any:
    """What *arguments* for *tool* mean: as the front understood them, if it was them. Raises `Refused` if they mean nothing."""
    call = call_in(ctx.request.scope) if ctx.request is not None and IDENTITY in ctx.request.scope else None
    found = call.understood(tool, arguments) if call is not None else None
    return found if found is not None else from_json(tool.ask, json.dumps(arguments or {}))


def _decided(ctx: ServerRequestContext[Any, Any], ask: Any) -> Decision | None:
    """What the guard decided about this very *ask*, if it did."""
    assert ctx.request is not None, "it has a caller"  # noqa: S101
    call = call_in(ctx.request.scope)
    found: Decision | None = ctx.request.scope[DECISION] if call is not None and call.ask is ask else None
    return found


def _id(message: Mapping[str, Any]) -> str | int | None:
    found = message.get("id")
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _named(params: object) -> tuple[object, object]:
    """The tool that is called and its arguments, also if another tool is asked to call it; ``None`` if that says nothing."""
    name, arguments = (params.get("name"), params.get("arguments")) if isinstance(params, dict) else (None, None)
    if name == USE and isinstance(arguments, dict | None):
        try:
            return unwrapped(arguments)
        except Refused:
            return None, None
    return name, arguments


def _called(id_: str | int | None, tool: Tool[Any, Any], arguments: object, authorization: Authorization) -> Asked:
    try:
        ask = from_values(tool.ask, arguments or {})
        scopes = tool.scopes(ask)
    except (ArcOpsError, ValueError, RecursionError):  # it is not an ask of this tool, and the tool's call says so
        return Asked(
            scopes=(tool.scope,),
            may=lambda caller: decide(caller, CALL, tool.name, None, authorization),
            call=Call(id=id_, name=tool.name, tool=tool),
        )

    def may(caller: Identity) -> Decision:
        return permitted(tool, ask, caller, authorization)

    given = arguments if isinstance(arguments, dict) else {}
    return Asked(
        scopes=scopes,
        may=may,
        call=Call(id=id_, name=tool.name, tool=tool, arguments=given, ask=ask, connects=connects(tool, ask)),
    )
