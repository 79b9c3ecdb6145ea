"""The record of what is read on a page: who, which page, how it ended, and how long it took, as of a call of a tool.

If it cannot be recorded, it is not shown. Pictures and styles of the pages, and what Prometheus reads, say nothing about the
store's content, and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.accounts import Accounts
from adapters.http.quotas import RETRY_SECONDS
from adapters.http.watched import METRICS
from arcops.errors import Unavailable

STATIC = "/static/"
IDENTITY = "arcops.identity"
_NO_ANSWER = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPages:
    """``app``, whose pages are shown if ``accounts`` can record it; a guard stands before."""

    app: ASGIApp
    accounts: Accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path == METRICS or path.startswith(STATIC):
            await self.app(scope, receive, send)
            return
        try:
            kept = self.accounts.reading(
                scope, scope.get(IDENTITY), action="page", door="http", object=path.strip("/") or "start"
            )
        except Unavailable as error:
            body, headers = {"error": str(error)}, {"Retry-After": str(RETRY_SECONDS)}
            await JSONResponse(body, status_code=503, headers=headers)(scope, receive, send)
            return
        status = _NO_ANSWER

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except BaseException as error:
            kept.failed(error)
            raise
        kept.ended(status)
