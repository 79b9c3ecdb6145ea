"""How many requests are at work: counted, not the connections that could make some. Probes are answered in any case.

An open stream of events waits for something to tell, so it is not at work. Nor is a request that waits for its caller, to send
the rest of a body or to read what was answered: else callers who do neither would keep everyone out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.checked import HEALTH

MOST_AT_WORK = 1000
_RETRY_SECONDS = 5
_STREAM = "text/event-stream"


@dataclass(slots=True, kw_only=True)
class AtWork:
    """``app``, with at most ``most`` requests at work; one more is answered 503."""

    app: ASGIApp
    most: int = MOST_AT_WORK
    _now: int = field(default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self.app(scope, receive, send)
            return
        if self._now >= self.most:
            body = {"error": f"{self.most} requests are at work, which is the limit; try again in {_RETRY_SECONDS} seconds"}
            busy = JSONResponse(body, status_code=503, headers={"Retry-After": str(_RETRY_SECONDS)})
            await busy(scope, receive, send)
            return
        self._now += 1
        counted, whole = True, False

        async def heard() -> Message:
            nonlocal whole
            if whole or not counted:
                return await receive()  # the application only waits for the caller to go
            self._now -= 1
            try:
                message = await receive()
            finally:
                self._now += 1
            whole = not message.get("more_body", False)
            return message

        async def noted(message: Message) -> None:
            nonlocal counted
            if counted and message["type"] == "http.response.start":
                kind = Headers(raw=list(message.get("headers", ()))).get("content-type", "")
                if kind.startswith(_STREAM):
                    counted, self._now = False, self._now - 1
            if not counted:
                await send(message)
                return
            self._now -= 1
            try:
                await send(message)
            finally:
                self._now += 1

        try:
            await self.app(scope, heard, noted)
        finally:
            if counted:
                self._now -= 1
