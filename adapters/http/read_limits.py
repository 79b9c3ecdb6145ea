"""How often a caller may read: a page, or a resource of MCP, counts as one call of the tool that gives leave to read here.

So it shares the caller's limits: the rates of all tools together, and those that name this tool or its group. Limits that are
not known let nothing through.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from adapters.http import login_pages
from adapters.http.accounts import Accounts
from adapters.http.over_limits import decided, limit_fields, limited
from adapters.http.quotas import RETRY_SECONDS
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from foundation.authorization.objects import CALL
from foundation.limits.deciding import Deciding

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
    more: str = "",
) -> Response | None:
    """Count one reading of *caller* as a call of *tool*. The answer instead of it, if it is not let through: for a browser a
    page with a link *back*, or to the same page again, and *more* HTML.
    """
    try:
        turn = await decided(limits, caller, tool, _CALLS)
    except ArcOpsError as error:
        _account(accounts, scope, caller, "limits", tool)
        return _answer(scope, 503, str(error), RETRY_SECONDS, {}, id, back, more)
    if turn.let:
        return None
    _account(accounts, scope, caller, turn.by, tool)
    return _answer(scope, 429, turn.reason, turn.wait, limit_fields(turn), id, back, more)


def _account(accounts: Accounts | None, scope: Scope, caller: Identity, limit: str, tool: str) -> None:
    if accounts is not None:
        accounts.limited(scope, caller, limit, tool=tool)


def _answer(
    scope: Scope, status: int, said: str, wait: int, fields: Mapping[str, str], id: str | int | None, back: str, more: str
) -> Response:
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        return limited(id, status, said, wait, fields)
    again = back or str(scope.get("raw_path", b"/").decode("ascii", "replace"))
    title = "Too often" if status == 429 else "Not now"
    words = "Back" if more else "Try again"
    found = login_pages.said(status, title, said, go_on=again, words=words, more=more)
    found.headers.update({"Retry-After": str(wait), **fields})
    return found
