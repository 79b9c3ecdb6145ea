"""How often a caller may call tools: decided before the call begins, and said in its answer.

A call over a limit is answered 429 with Retry-After and one sentence (RFC 6585, section 4), as a JSON-RPC error that a client
of MCP passes on to its caller. Every answer to a call has the fields RateLimit and RateLimit-Policy.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.access import IDENTITY, Door
from adapters.mcp.names import KIND
from adapters.mcp.offering import FIND, USE, unwrapped
from arcops.errors import ArcOpsError, Refused
from artifacts.wire import from_json
from capabilities.access.permitting import connects
from capabilities.catalogue import tool_named
from capabilities.contract import Tool
from foundation.authorization.authorizing import nearby
from foundation.authorization.objects import CALL, CONNECT
from foundation.limits.deciding import Deciding, Turn
from foundation.limits.fields import limit_field, policy_field

TURN = "arcops.turn"
"""The key of the `Turn` in an ASGI scope."""
ADVICE = "dev.arcops/quota"
"""In ``_meta`` of a result: a sentence for each quota that is nearly used up."""
LIMITED = -32029
OTHER = "unknown"
"""Stands for every name that is no tool of ours."""
_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Passes a request on to ``app`` if it is no call of a tool, or if ``limits`` let it through; a guard stands before."""

    app: ASGIApp
    door: Door
    limits: Deciding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self.limits.nothing():
            await self.app(scope, receive, send)
            return
        body, again = await _read(receive)
        message = _message(body)
        if message is None:
            await self.app(scope, again, send)
            return
        name, arguments = _called(message)
        tool = tool_named(name) if isinstance(name, str) else None
        shown = tool.name if tool is not None else FIND if name == FIND else OTHER
        try:
            turn = await self._decide(scope, tool, shown, arguments)
        except ArcOpsError as error:
            self._account(scope, "limits", tool)
            await _answer(message, 503, str(error), _RETRY_SECONDS, {})(scope, again, send)
            return
        fields = {"RateLimit-Policy": policy_field(turn.lines), "RateLimit": limit_field(turn.lines)} if turn.lines else {}
        if not turn.let:
            self._account(scope, turn.by, tool)
            await _answer(message, 429, turn.reason, turn.wait, fields)(scope, again, send)
            return
        scope[TURN] = turn

        async def told(sent: Message) -> None:
            if fields and sent["type"] == "http.response.start":
                MutableHeaders(scope=sent).update(fields)
            await send(sent)

        await self.app(scope, again, told)

    async def _decide(self, scope: Scope, tool: Tool[Any, Any] | None, shown: str, arguments: object) -> Turn:
        caller = scope.get(IDENTITY) or nearby()
        limits = self.limits.file.limits()
        actions = _actions(tool, arguments) if limits.by_action else frozenset((CALL,))
        if self.limits.waits():
            return await asyncio.to_thread(self.limits.decide, caller, shown, actions)
        return self.limits.decide(caller, shown, actions)

    def _account(self, scope: Scope, limit: str, tool: Tool[Any, Any] | None) -> None:
        if self.door.accounts is not None:
            self.door.accounts.limited(scope, scope.get(IDENTITY), limit, tool=tool.name if tool is not None else "")


def advised(scope: Mapping[str, Any], result: Any) -> Any:
    """*result* of a call, with what its caller has to know about their quotas in ``_meta``."""
    turn: Turn | None = scope.get(TURN)
    if turn is None or not turn.advice:
        return result
    if isinstance(result, dict):
        return {**result, "_meta": {**(result.get("_meta") or {}), ADVICE: list(turn.advice)}}
    return result.model_copy(update={"meta": {**(result.meta or {}), ADVICE: list(turn.advice)}})


def _message(body: bytes) -> Mapping[str, Any] | None:
    """The message in *body*, if it calls a tool. The guard refused what can be read in two ways."""
    try:
        found = json.loads(body) if b"tools/call" in body or b"\\" in body else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("method") == "tools/call" else None


def _called(message: Mapping[str, Any]) -> tuple[object, object]:
    params = message.get("params")
    name, arguments = (params.get("name"), params.get("arguments")) if isinstance(params, dict) else (None, None)
    if name == USE and isinstance(arguments, dict | None):
        try:
            return unwrapped(arguments)
        except Refused:
            return None, None
    return name, arguments


def _actions(tool: Tool[Any, Any] | None, arguments: object) -> frozenset[str]:
    """What a call does. One whose arguments are wrong is refused later, and counts as a call without a connection."""
    if tool is None:
        return frozenset((CALL,))
    try:
        ask = from_json(tool.ask, json.dumps(arguments or {}))
    except (ArcOpsError, ValueError, RecursionError):
        return frozenset((CALL,))
    return frozenset((CALL, CONNECT)) if connects(tool, ask) else frozenset((CALL,))


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, which the guard before read and bounds, and a `Receive` that gives it again."""
    messages: list[Message] = []
    more = True
    while more:
        messages.append(await receive())
        more = messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False)
    body = b"".join(one.get("body", b"") for one in messages)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


def _answer(message: Mapping[str, Any], status: int, said: str, wait: int, fields: Mapping[str, str]) -> JSONResponse:
    asked = message.get("id")
    known = asked if isinstance(asked, str | int) and not isinstance(asked, bool) else None
    error = {"code": LIMITED, "message": said[:1000], "data": {KIND: "unavailable", "retryAfterSeconds": wait}}
    body = {"jsonrpc": "2.0", "id": known, "error": error}
    return JSONResponse(body, status_code=status, headers={"Retry-After": str(wait), **fields})
