"""Updates as they are released, by server-sent events: each with a token, from which a client goes on, after a restart too."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from arcops.errors import Refused
from services.config.reading import Reading

BEAT_SECONDS = 15.0
"""A comment so often tells a client, and what stands between, that the stream still lives."""
MOST = 20_000
PAGE = 200


@dataclass(slots=True, kw_only=True)
class Subscribers:
    """Those who wait for releases. A slow one is not waited for: it reads from its own token, and nothing is kept for it."""

    reading: Reading
    count: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def tell(self) -> None:
        """Something was released."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._news.set()

    async def serve(self, ask: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is released after ``ask.since``, or after the token in ``Last-Event-ID``, until the client goes."""
        if self.count >= MOST:
            raise Refused(f"{MOST} clients wait already; poll for changes instead")
        since = Headers(scope=scope).get("last-event-id") or ask.since
        token = since or self.reading.token()
        self.reading.poll(token, most=1)  # a token that is not of this log is refused before the stream begins
        self.count += 1
        gone = asyncio.create_task(_gone(receive))
        try:
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": f"id: {token}\nretry: 3000\n\n".encode(), "more_body": True})
            while not gone.done() and not self._closed:
                news = self._news
                events, token = self.reading.poll(token, client=ask.client, profile=ask.profile, most=PAGE)
                for one in events:
                    data = json.dumps(one, ensure_ascii=False, separators=(",", ":"))
                    body = f"id: {one['token']}\nevent: release\ndata: {data}\n\n".encode()
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                if len(events) >= PAGE:
                    continue
                waiting = asyncio.create_task(news.wait())
                done, _ = await asyncio.wait({waiting, gone}, timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if not done:
                    await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.count -= 1
            gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
