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


class Wake:
    """What wakes one subscriber. `asyncio.Event` would do the same in five times the memory, and thousands wait."""

    __slots__ = ("_set", "_waiting")

    def __init__(self) -> None:
        self._set = False
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._set = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def clear(self) -> None:
        self._set = False

    async def wait(self) -> None:
        """Wait until it is set; only one may."""
        if not self._set:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting


@dataclass(slots=True, kw_only=True)
class Subscribers:
    """Those who wait for releases. A slow one is not waited for: it reads from its own token, and nothing is kept for it."""

    reading: Reading
    _waiting: set[Wake] = field(default_factory=set)
    _closed: bool = False
    _made: dict[tuple[str, str, str], tuple[bytes, str, bool]] = field(default_factory=dict)
    _made_at: int = -1

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def tell(self) -> None:
        """Something was released."""
        for one in self._waiting:
            one.set()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self.tell()

    async def serve(self, ask: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is released after ``ask.since``, or after the token in ``Last-Event-ID``, until the client goes."""
        if self.count >= MOST:
            raise Refused(f"{MOST} clients wait already; poll for changes instead")
        since = Headers(scope=scope).get("last-event-id") or ask.since
        token = since or self.reading.token()
        self.reading.poll(token, most=1)  # a token that is not of this log is refused before the stream begins
        loop, wake = asyncio.get_running_loop(), Wake()
        self._waiting.add(wake)
        gone = asyncio.create_task(_gone(receive))
        gone.add_done_callback(lambda _: wake.set())
        beat = loop.call_later(BEAT_SECONDS, wake.set)
        try:
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            body, more = f"id: {token}\nretry: 3000\n\n".encode(), True
            while not gone.done() and not self._closed:
                await send({"type": "http.response.body", "body": body, "more_body": True})
                beat.cancel()
                beat = loop.call_later(BEAT_SECONDS, wake.set)
                body = b""
                while not body and not gone.done() and not self._closed:
                    if not more:
                        await wake.wait()
                    wake.clear()
                    body, token, more = self._after(token, ask.client, ask.profile)
                    if not body and loop.time() >= beat.when():
                        body = b": still here\n\n"
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._waiting.discard(wake)
            beat.cancel()
            gone.cancel()

    def _after(self, token: str, client: str, profile: str) -> tuple[bytes, str, bool]:
        """The frames of what was released after *token*, the token to go on with, and whether there is more. Thousands wait at
        the same token, so what one gets is made once.
        """
        if self._made_at != self.reading.last or len(self._made) > MOST:
            self._made_at = self.reading.last
            self._made.clear()
        key = (token, client, profile)
        if key not in self._made:
            events, new = self.reading.poll(token, client=client, profile=profile, most=PAGE)
            self._made[key] = (b"".join(map(_frame, events)), new, len(events) >= PAGE)
        return self._made[key]


def _frame(event: dict[str, Any]) -> bytes:
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event['token']}\nevent: release\ndata: {data}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
