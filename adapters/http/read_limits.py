"""How often a caller may read: a page, or a resource of MCP, counts as one call of the tool that gives leave to read here.

So it shares the caller's limits: the rates of all tools together, and those that name this tool or its group. Limits that are
not known let nothing through.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from adapters.http import login_pages
from adapters.http.accounts import Accounts
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from foundation.authorization.objects import CALL
from foundation.limits.deciding import Deciding, Turn
from foundation.limits.fields import limit_field, policy_field

LIMITED = -32029
_RETRY_SECONDS = 5
_CALLS = frozenset((CALL,))


async def over_limit(
    scope: Scope,
    caller: Identity,
    tool: str,
    limits: Deciding,
    accounts: Accounts | None,
    id: str | int | None = None,
    *,
    back: str = "",
) -> Response | None:
    """Count one reading of *caller* as a call of *tool*. The answer instead of it, if it is not let through: for a browser a
    page with a link *back*, or to the same page again.
    """
    try:
        turn = await _decided(limits, caller, tool)
    except ArcOpsError as error:
        _account(accounts, scope, caller, "limits", tool)
        return _answer(scope, 503, str(error), _RETRY_SECONDS, id, back)
    if turn.let:
        return None
    _account(accounts, scope, caller, turn.by, tool)
    answer = _answer(scope, 429, turn.reason, turn.wait, id, back)
    answer.headers["RateLimit-Policy"] = policy_field(turn.lines)
    answer.headers["RateLimit"] = limit_field(turn.lines)
    return answer


async def _decided(limits: Deciding, caller: Identity, tool: str) -> Turn:
    if limits.waits():
        return await asyncio.to_thread(limits.decide, caller, tool, _CALLS)
    return limits.decide(caller, tool, _CALLS)


def _account(accounts: Accounts | None, scope: Scope, caller: Identity, limit: str, tool: str) -> None:
    if accounts is not None:
        accounts.limited(scope, caller, limit, tool=tool)


def _answer(scope: Scope, status: int, said: str, wait: int, id: str | int | None, back: str) -> Response:
    found: Response
    if "text/html" in Headers(scope=scope).get("accept", ""):
        again = back or str(scope.get("raw_path", b"/").decode("ascii", "replace"))
        title = "Too often" if status == 429 else "Not now"
        found = login_pages.said(status, title, said, go_on=again, words="Try again")
    else:
        error = {"code": LIMITED, "message": said[:1000], "data": {"kind": "unavailable", "retryAfterSeconds": wait}}
        found = JSONResponse({"jsonrpc": "2.0", "id": id, "error": error}, status_code=status)
    found.headers["Retry-After"] = str(wait)
    return found
