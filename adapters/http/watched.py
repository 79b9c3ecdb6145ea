"""Every request, seen once, outside of everything else: it gets an id, a line in the log, and is counted.

The id is the caller's ``X-Request-Id`` if that is a plain one; the answer repeats it. Of a request only its method, its path
and the status of its answer are kept: no query, no header, no body.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.checked import HEALTH
from foundation.telemetry.spans import REQUEST, about

HEADER = "X-Request-Id"
METRICS = "/metrics"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_MOST_PATH = 200
_NO_ANSWER = 0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """``app``, watched. ``tell`` is called for every request, with its path and the status of its answer."""

    app: ASGIApp
    tell: Callable[[str, int], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request = scope[REQUEST] = given if _ID.match(given) else uuid.uuid4().hex
        status, began = _NO_ANSWER, time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request
            await send(message)

        with about(request=request):
            try:
                await self.app(scope, receive, noted)
            finally:
                self.tell(scope["path"], status)
                self._write(scope, status, time.monotonic() - began)

    def _write(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        if status == 200 and (path in HEALTH or path == METRICS):
            return  # probes are called every few seconds, and there is nothing to report
        method, shown = scope["method"][:20], _shown(path)
        known = {"method": method, "path": shown, "status": status, "seconds": round(seconds, 3)}
        _log.info("%s %s: %s", method, shown, status or "no answer", extra={"known": known})


def _shown(path: str) -> str:
    """The part of *path* for the log: nothing after what may be meant as a query, and no whole address."""
    if not path.startswith("/"):
        return "(no path)"
    return re.split(r"[?#]|%3[fF]|%23", path, maxsplit=1)[0][:_MOST_PATH]
