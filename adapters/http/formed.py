"""A tool that a form of a page asked for: it is called with a record of how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from adapters.http.accounts import Accounts
from arcops.identity import Identity
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.watching import watched


async def called(
    tool: Tool[Any, Any],
    ask: Any,
    at: Place,
    given: Mapping[str, object],
    scope: Scope,
    who: Identity | None,
    accounts: Accounts | None,
) -> Any:
    """The answer of *tool* to *ask* at the place *at*. The record, if *accounts* keep one, says *who* called it, with the
    names of what was *given*. Raises what the tool raises.
    """
    kept = None
    if accounts is not None:
        kept = accounts.begin(scope, who, tool=tool.name, arguments=given, known=tuple(given))
    try:
        answer = await asyncio.to_thread(watched, tool, ask, at)
    except BaseException as error:
        if kept is not None:
            kept.failed(error)
        raise
    if kept is not None:
        kept.answered(answer)
    return answer
