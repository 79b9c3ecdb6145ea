"""One running server, shared by the sessions that use it.

Each call gets an id and a progress token of the link's own, so the callers' may be alike. A call that no one waits for any
more is cancelled at the server, whatever the reason. A server that several sessions share gets one handshake without any
capability of a client, and what it asks of a client is refused; a private one hears what its one client can do.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from msgspec import UNSET, Raw

from arcops.errors import Unavailable
from services.host import envelope
from services.host.calls import Call, Counts, Ended, Listener, TookTooLong, TooMuch
from services.host.envelope import Message
from services.host.eras import Era
from services.host.handshake import Opened, Opening, opened_by
from services.host.hearing import CANCELLED, MOST_STRAYS, Hearing
from services.host.held_to_its_verdict import HeldToItsVerdict
from services.host.pipe import Pipe

MOST_PENDING = 1024
"""Calls that wait for one server."""
OPEN_SECONDS = 45.0
_REMEMBERED = 1024


class Link:
    """The calls and sessions of one running server, whose ends are *pipe*. For the thread of one event loop.

    *name* is the server's, for sentences. *private*: one session has it for itself. A call ends after *seconds*. *held*
    says what may be asked of it; ``None``: everything.
    """

    def __init__(
        self,
        pipe: Pipe,
        *,
        name: str,
        private: bool,
        seconds: float = 600.0,
        most_strays: int = MOST_STRAYS,
        held: HeldToItsVerdict | None = None,
    ) -> None:
        self.name, self.private = name, private
        self.ended = ""
        """Why the server ended, or nothing while it runs."""
        self.counts = Counts()
        self.used = time.monotonic()
        """When a call began or ended last, in seconds of `time.monotonic`."""
        self.opened: Opened | None = None
        self._pipe, self._seconds, self._held = pipe, seconds, held
        self._loop = asyncio.get_running_loop()
        self._ids = itertools.count(1)
        self._pending: dict[int, Call] = {}
        self._cancelled: OrderedDict[int, None] = OrderedDict()
        self._listeners: dict[Listener, None] = {}
        self._hearing = Hearing(
            name=name,
            private=private,
            counts=self.counts,
            pending=self._pending,
            cancelled=self._cancelled,
            listeners=self._listeners,
            write=self._write,
            broken=self._broken,
            most_strays=most_strays,
        )
        self.process: int | None = None
        """The server's main process, if it has one here."""
        self._opening: asyncio.Task[Opened] | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        pipe.hear(self._hearing.heard, self._hearing.lost, self._ended)

    @property
    def changes(self) -> int:
        """How often the server said that a list of it changed."""
        return self._hearing.changes

    @property
    def busy(self) -> int:
        """How many calls wait now."""
        return len(self._pending)

    @property
    def called(self) -> int:
        """How many calls it had."""
        return self.counts.calls

    @property
    def sessions(self) -> int:
        """How many sessions listen."""
        return len(self._listeners)

    def pause(self) -> None:
        """Read no more from the server until `resume`."""
        self._pipe.pause()

    def resume(self) -> None:
        """Read on."""
        self._pipe.resume()

    async def open(self, wanted: Era, opening: Opening | None = None) -> Opened:
        """Shake hands with the server, once in its life, in the era *wanted* if it can; and how it spoke then.

        *opening* is what the client said of itself. A server that is shared is not told it. Raises `Unavailable`.
        """
        if self.opened is not None and not self.ended:
            return self.opened
        if self._opening is None:
            said = opening if self.private else None
            self._opening = self._loop.create_task(self._open(wanted, said or Opening()))
            self._opening.add_done_callback(_retrieved)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self.opened = await asyncio.shield(self._opening)
        except TimeoutError:
            why = f"{self.name} did not answer the handshake within {OPEN_SECONDS:.0f} seconds"
            self._pipe.end(why)
            raise Unavailable(why) from None
        except Unavailable as error:
            if not self.ended:
                self._pipe.end(str(error))
            raise
        return self.opened

    async def _open(self, wanted: Era, opening: Opening) -> Opened:
        opened = await opened_by(self, wanted, opening)
        if self._held is not None:
            await self._held.up_to_date(self, opened.era)
        return opened

    async def _refused(self, held: HeldToItsVerdict, method: str, params: Mapping[str, Raw] | None) -> Message | None:
        """The error for what the server may not be asked. One that does not say what it offers is left."""
        if (error := held.unjudged(self.name, method, params)) is not None:
            return error
        era = self.opened.era if self.opened is not None else Era.LEGACY
        try:
            await held.up_to_date(self, era, method)
        except Unavailable as error:
            self._pipe.end(str(error))
            raise
        return None

    def listen(self, listener: Listener) -> None:
        """Tell *listener* what the server says from now on."""
        self._listeners[listener] = None
        if self.ended:
            listener.ended(self.ended)

    def leave(self, listener: Listener) -> None:
        """Tell *listener* nothing more, and cancel its calls."""
        self._listeners.pop(listener, None)
        for call in [one for one in self._pending.values() if one.listener is listener]:
            call.answer.cancel()

    def wanted(self, uri: str) -> bool:
        """Does a session still subscribe to the resource *uri*?"""
        return any(one.wants(uri) for one in self._listeners)

    async def call(
        self,
        method: str,
        params: Mapping[str, Raw] | None,
        *,
        listener: Listener | None = None,
        tell: Callable[[str, bytes], None] | None = None,
        subscription: bytes = b"",
        seconds: float | None = None,
        meta: Mapping[str, Raw] | None = None,
    ) -> Message:
        """The server's answer to *method* with *params*, whose id is the link's own.

        *tell* gets its progress, and what else belongs to it, as the caller must see it. *subscription* is the caller's own
        id of a request that is a stream of notifications. *meta* replaces ``_meta``. Cancelling this cancels the
        call at the server. Raises `Ended`, `TookTooLong`, `TooMuch`, or `Malformed` for params that are no object.
        """
        if self.ended:
            raise Ended(self.ended, sent=False)
        if self._held is not None and (error := await self._refused(self._held, method, params)) is not None:
            return error
        if len(self._pending) >= MOST_PENDING:
            raise TooMuch(f"{len(self._pending)} calls wait for {self.name}, which is the limit; try again later")
        id = next(self._ids)
        token = None
        if params is not None:
            found = meta if meta is not None else envelope.members(params.get("_meta", UNSET))
            if found is not None:
                token = found.get("progressToken")
                if token is not None:
                    found = {**found, "progressToken": Raw(b"%d" % id)}
                if token is not None or meta is not None:
                    params = {**params, "_meta": Raw(envelope.encoded(found))}
        message = envelope.request(id, method, None if params is None else envelope.encoded(params))
        now = self._loop.time()
        call = Call(
            id=id,
            method=method,
            answer=self._loop.create_future(),
            listener=listener,
            tell=tell,
            token=token,
            subscription=subscription,
            until=now + (self._seconds if seconds is None else seconds),
        )
        self._pending[id] = call
        if self._sweep is None:
            self._sweep = self._loop.call_later(1.0, self._swept)
        self.counts.calls += 1
        sent = False
        try:
            await self._pipe.write(message)
            sent = True
            return await call.answer
        except asyncio.CancelledError:
            self._abandon(call, "the caller does not wait for it any more")
            raise
        except TookTooLong:
            self._abandon(call, "it took too long")
            raise
        except Unavailable as error:
            if not sent and not isinstance(error, Ended):
                raise Ended(str(error), sent=False) from error
            raise
        finally:
            self._pending.pop(id, None)
            if call.answer.done() and not call.answer.cancelled():
                call.answer.exception()  # also if the message never went, so that no one misses it
            self.used = time.monotonic()

    def notify(self, method: str, params: Mapping[str, Raw] | None) -> None:
        """Tell the server something, as soon as it reads. Nothing if it ended."""
        self._write(envelope.notification(method, None if params is None else envelope.encoded(params)))

    def reply(self, id: bytes, answer: Message) -> None:
        """Give the server the client's *answer* to what it asked with *id*."""
        self._write(envelope.answer(id, answer))

    def _write(self, message: bytes) -> None:
        if self.ended:
            return
        if len(self._tasks) >= MOST_PENDING:
            self.counts.unheard += 1
            return
        task = self._loop.create_task(self._quietly(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, message: bytes) -> None:
        try:
            await self._pipe.write(message)
        except Unavailable:
            self.counts.unheard += 1

    def _abandon(self, call: Call, why: str) -> None:
        if call.answer.done() and not call.answer.cancelled() and call.answer.exception() is None:
            return
        self._cancelled[call.id] = None
        while len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)
        if call.method != "initialize":  # which may not be cancelled (2025-11-25, cancellation)
            self.notify(CANCELLED, {"requestId": Raw(b"%d" % call.id), "reason": Raw(envelope.encoded(why))})

    def _swept(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for call in [one for one in self._pending.values() if one.until <= now]:
            if not call.answer.done():
                call.answer.set_exception(TookTooLong(f"{self.name} did not answer {call.method} in time; it was cancelled"))
        if self._pending:
            self._sweep = self._loop.call_later(1.0, self._swept)

    def _broken(self, why: str) -> None:
        self._pipe.end(why)
        self._ended(why)  # at once, whatever it still says

    def _ended(self, why: str) -> None:
        if self.ended:
            return
        self.ended = why or f"{self.name} ended"
        for call in self._pending.values():
            if not call.answer.done():
                call.answer.set_exception(Ended(self.ended, sent=True))
        for listener in list(self._listeners):
            listener.ended(self.ended)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None


def _retrieved(task: asyncio.Task[Opened]) -> None:
    """No one may wait for it any more."""
    if not task.cancelled():
        task.exception()
