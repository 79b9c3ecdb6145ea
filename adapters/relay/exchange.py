"""One request of a client and its answer: JSON if the server answers soon and says nothing before, else a stream of events.

A client that leaves cancels its call. If it can resume the stream, it has a moment to come back first (2025-11-25, transports:
a lost connection is no cancellation).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Send

from adapters.relay.answers import Headers, answer, begin, pump
from services.host.envelope import UNAVAILABLE, error, id_of
from services.host.streams import Stream

WATCH_SECONDS = 0.05
"""After this a client is watched for leaving: most answers come sooner, and need no watcher."""
HOLD_SECONDS = 5.0
"""After this a stream begins, so that comments keep the connection."""
RESUME_SECONDS = 5.0
"""How long a call goes on without its client, if that can resume its stream."""
_KEPT = 1024 * 1024
"""Bytes of an answer that is kept for a client that may come back."""
_PRIMING = b"id: %b-0\nretry: 1000\ndata: \n\n"


class Exchange:
    """One request, answered with *send*. *stream* makes its stream if one is needed.

    *primed*: it can be resumed from its start. *streams*: the client takes streams at all.
    """

    __slots__ = (
        "_loop", "_make", "_primed", "_pumping", "_receive", "_send", "_streams", "_timer", "_watching",
        "answering", "eager", "headers", "left", "stream", "task", "why",
    )  # fmt: skip

    def __init__(
        self, send: Send, receive: Receive, stream: Callable[[], Stream], *, primed: bool = False, streams: bool = True
    ) -> None:
        self.headers: Headers = ()
        self.eager = False
        """Its client would rather have a stream."""
        self.stream: Stream | None = None
        self.why = ""
        """Why it was ended from outside, or nothing."""
        self.answering = False
        self.left = False
        """The client is gone."""
        self.task = asyncio.current_task()
        self._send, self._receive, self._make, self._primed, self._streams = send, receive, stream, primed, streams
        self._pumping: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(WATCH_SECONDS, self._watch)

    def allowed(self) -> None:
        """The request may be done: a stream may begin, if its client would rather have one."""
        if self.eager and self._streams:
            self._begun()

    def tell(self, method: str, message: bytes) -> None:
        """Put *message* into the stream, which begins with it."""
        if self._streams:
            self._begun().put(message)

    def abort(self, why: str) -> None:
        """End the call, if it is not being answered already. Its task is cancelled, and finds *why*."""
        if not self.why and not self.answering and self.task is not None and not self.task.done():
            self.why = why
            self.task.cancel()

    def aborted(self) -> bool:
        """Is this cancellation of the task our own? Then it counts no more."""
        if not self.why or self.task is None:
            return self.task is not None and not self.task.cancelling()
        self.task.uncancel()
        return True

    async def finish(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Answer with *body*, which is the last message of a stream that has begun."""
        self.answering = True
        self.stop()
        if self.stream is not None:
            if self.left and not self.stream.attached and len(body) > _KEPT:
                body = error(id_of(body), UNAVAILABLE, f"the answer of {len(body)} bytes is not kept for a client that left")
            self.stream.put(body, last=True)
            if self._pumping is not None:
                await asyncio.wait((self._pumping,))
        elif not self.left:
            await answer(self._send, status, body, (*self.headers, *headers))

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _begun(self) -> Stream:
        if self.stream is None:
            self.stream = self._make()
            if not self.left:
                self._pumping = self._loop.create_task(self._pump(self.stream))
        return self.stream

    async def _pump(self, stream: Stream) -> None:
        await begin(self._send, self.headers)
        first = _PRIMING % stream.key.encode() if self._primed else b": \n\n"
        if await pump(stream, self._send, 0, first):
            return
        if self._primed and stream.resumable:
            self._resumable()
        else:
            self.abort("its client took nothing of what it was sent")

    def _watch(self) -> None:
        self._watching = self._loop.create_task(self._until_left())
        self._timer = self._loop.call_later(HOLD_SECONDS, self._hold)

    def _hold(self) -> None:
        self._timer = None
        if self._streams and not self.left:
            self._begun()

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self._pumping is not None:
            self._pumping.cancel()
        if self.stream is not None and self._primed and self.stream.resumable:
            self._resumable()
        else:
            self.abort("its client left")

    def _resumable(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(RESUME_SECONDS, self._not_back)

    def _not_back(self) -> None:
        self._timer = None
        if self.stream is not None and self.stream.attached:
            self._timer = self._loop.call_later(RESUME_SECONDS, self._not_back)
        else:
            self.abort("its client left")
