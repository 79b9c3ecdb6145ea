"""The decision about a caller's limits, and the answer to what is over one (RFC 6585, section 4), for every door here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import JSONResponse

from arcops.errors import SAID_AS
from arcops.identity import Identity
from foundation.limits.deciding import Deciding, Turn
from foundation.limits.fields import limit_field, policy_field

LIMITED = -32029


async def decided(limits: Deciding, caller: Identity, tool: str, actions: frozenset[str]) -> Turn:
    """May *caller* call *tool* now? Raises `ArcOpsError` if the limits are not known."""
    if limits.waits():
        return await asyncio.to_thread(limits.decide, caller, tool, actions)
    return limits.decide(caller, tool, actions)


def limit_fields(turn: Turn) -> dict[str, str]:
    """The fields RateLimit and RateLimit-Policy of *turn*."""
    return {"RateLimit-Policy": policy_field(turn.lines), "RateLimit": limit_field(turn.lines)} if turn.lines else {}


def limited(id: str | int | None, status: int, said: str, wait: int, fields: Mapping[str, str]) -> JSONResponse:
    """The answer to the request *id*, which may come again in *wait* seconds."""
    error = {"code": LIMITED, "message": said[:1000], "data": {SAID_AS: "unavailable", "retryAfterSeconds": wait}}
    body = {"jsonrpc": "2.0", "id": id, "error": error}
    return JSONResponse(body, status_code=status, headers={"Retry-After": str(wait), **fields})
