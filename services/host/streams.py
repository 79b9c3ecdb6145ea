"""One stream of events to a client: what was not sent yet, within a bound, and the last that was, so that it can be resumed.

The server's messages are put in without waiting; a client that does not take them does not hold the server up. Over the
bound the stream is cut off: its client asks again, with the id of the last event that it has (Last-Event-ID).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MOST_EVENTS = 1024
MOST_BYTES = 8 * 1024 * 1024
"""Of what waits to be sent: the last message of a stream is let in besides, because it is what the client asked for."""
_KEPT_EVENTS = 256
_KEPT_BYTES = 1024 * 1024


class Stream:
    """The events of one stream. For the thread of one event loop.

    *key* names it in its session. *resumable*: its events have ids, and the last ones are kept.
    """

    __slots__ = ("_backlog", "_bytes", "_events", "_on_cut", "_sent", "_waiter", "complete", "cut", "key", "next", "resumable")

    def __init__(self, key: str, *, resumable: bool) -> None:
        self.key, self.resumable = key, resumable
        self.complete = False
        """The last message is in it."""
        self.cut = False
        """Its reader did not take what waited for it."""
        self.next = 1
        """The number of the next event."""
        self._events: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._backlog = 0
        self._sent = 0
        self._waiter: asyncio.Future[None] | None = None
        self._on_cut: Callable[[], None] | None = None

    @property
    def attached(self) -> bool:
        """Does someone read it now?"""
        return self._on_cut is not None

    def put(self, message: bytes, *, last: bool = False) -> None:
        """One more *message*; the *last* one ends the stream."""
        if self.complete or self.cut:
            return
        self._events.append((self.next, message))
        self.next += 1
        self._bytes += len(message)
        self._backlog += len(message)
        self.complete = last
        if not last and (self._backlog > MOST_BYTES or len(self._events) > MOST_EVENTS):
            self._over()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _over(self) -> None:
        self._forget()
        if self._backlog <= MOST_BYTES and len(self._events) <= MOST_EVENTS:
            return
        if self._on_cut is not None:
            self.cut = True
            self._on_cut()
        while self._events and (self._backlog > MOST_BYTES or len(self._events) > MOST_EVENTS):
            number, message = self._events.popleft()  # the oldest; who resumes notices by the ids
            self._bytes -= len(message)
            if number > self._sent:
                self._backlog -= len(message)
                self._sent = number

    def _forget(self) -> None:
        """Forget what was sent, except the last that may be asked for again."""
        kept = _KEPT_BYTES if self.resumable else 0
        most = _KEPT_EVENTS if self.resumable else 0
        sent = self._sent
        over = self._bytes - self._backlog
        while self._events and self._events[0][0] <= sent and (over > kept or len(self._events) > most):
            size = len(self._events.popleft()[1])
            self._bytes -= size
            over -= size

    def close(self) -> None:
        """End it without a last message."""
        self.complete = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def attach(self, after: int, on_cut: Callable[[], None]) -> None:
        """Someone reads it from now on, from the event after number *after*. *on_cut* is called if they are too slow, or if
        another one reads it: who comes back is heard before a connection that may be dead.
        """
        if self._on_cut is not None:
            self._on_cut()
        self._on_cut = on_cut
        self.cut = False
        self._sent = max(min(after, self.next - 1), self._events[0][0] - 1 if self._events else 0)
        self._backlog = sum(len(one) for number, one in self._events if number > self._sent)

    def detach(self, on_cut: Callable[[], None]) -> None:
        """Who attached with *on_cut* does not read it any more."""
        if self._on_cut is on_cut:
            self._on_cut = None

    def take(self, most: int = 64 * 1024) -> bytes:
        """The next events as they are sent, about *most* bytes of them; empty if there is nothing now."""
        parts: list[bytes] = []
        size = 0
        for number, message in self._unsent():
            parts.append(self._event(number, message))
            size += len(message)
            self._sent = number
            if size >= most:
                break
        if parts:
            self._backlog -= size
            self._forget()
        return b"".join(parts)

    def _unsent(self) -> list[tuple[int, bytes]]:
        if not self._events or self._events[-1][0] <= self._sent:
            return []
        return [one for one in self._events if one[0] > self._sent]

    def _event(self, number: int, message: bytes) -> bytes:
        if self.resumable:
            return b"".join((b"id: ", self.key.encode(), b"-%d" % number, b"\nevent: message\ndata: ", message, b"\n\n"))
        return b"".join((b"event: message\ndata: ", message, b"\n\n"))

    @property
    def done(self) -> bool:
        """Was everything sent, and is the last message in it?"""
        return self.complete and (not self._events or self._events[-1][0] <= self._sent)

    async def more(self, seconds: float) -> bool:
        """Wait for something to take, but no longer than *seconds*. Is there something?"""
        if self._events and self._events[-1][0] > self._sent:
            return True
        if self.complete:
            return True
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = loop.call_later(seconds, _woken, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            if self._waiter is waiter:  # and not that of who reads it now
                self._waiter = None
        return bool(self._events and self._events[-1][0] > self._sent) or self.complete


def _woken(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
