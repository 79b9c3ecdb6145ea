"""How often a caller may call tools: decided before the call begins, and said in its answer.

A call over a limit is answered 429 with Retry-After and one sentence (RFC 6585, section 4), as a JSON-RPC error that a client
of MCP passes on to its caller. Every answer to a call has the fields RateLimit and RateLimit-Policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.access import IDENTITY, Door
from adapters.http.calls import Call, call_in
from adapters.http.over_limits import decided, limit_fields, limited
from adapters.http.quotas import RETRY_SECONDS
from arcops.errors import ArcOpsError
from foundation.authorization.authorizing import nearby
from foundation.authorization.objects import CALL, CONNECT
from foundation.limits.deciding import Deciding, Turn

TURN = "arcops.turn"
"""The key of the `Turn` in an ASGI scope."""
ADVICE = "dev.arcops/quota"
"""In ``_meta`` of a result: a sentence for each quota that is nearly used up."""
_CALLS, _CONNECTS = frozenset((CALL,)), frozenset((CALL, CONNECT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Passes a request on to ``app`` if it is no call of a tool, or if ``limits`` let it through; a guard stands before."""

    app: ASGIApp
    door: Door
    limits: Deciding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = call_in(scope) if scope["type"] == "http" else None
        if call is None:
            await self.app(scope, receive, send)
            return
        try:
            actions = _CONNECTS if call.connects else _CALLS
            turn = await decided(self.limits, scope.get(IDENTITY) or nearby(), call.name, actions)
        except ArcOpsError as error:
            self._account(scope, "limits", call)
            await limited(call.id, 503, str(error), RETRY_SECONDS, {})(scope, receive, send)
            return
        fields = limit_fields(turn)
        if not turn.let:
            self._account(scope, turn.by, call)
            await limited(call.id, 429, turn.reason, turn.wait, fields)(scope, receive, send)
            return
        scope[TURN] = turn
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]

        async def told(sent: Message) -> None:
            if sent["type"] == "http.response.start":
                sent["headers"] = [*sent.get("headers", ()), *raw]
            await send(sent)

        await self.app(scope, receive, told if raw else send)

    def _account(self, scope: Scope, limit: str, call: Call) -> None:
        if self.door.accounts is not None:
            self.door.accounts.limited(scope, scope.get(IDENTITY), limit, tool=call.tool_name)


def advised(scope: Mapping[str, Any], result: Any) -> Any:
    """*result* of a call, with what its caller has to know about their quotas in ``_meta``."""
    turn: Turn | None = scope.get(TURN)
    if turn is None or not turn.advice:
        return result
    if isinstance(result, dict):
        return {**result, "_meta": {**(result.get("_meta") or {}), ADVICE: list(turn.advice)}}
    return result.model_copy(update={"meta": {**(result.meta or {}), ADVICE: list(turn.advice)}})
