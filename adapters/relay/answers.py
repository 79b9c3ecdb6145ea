"""Answers over raw ASGI: one JSON message, or a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Send

from services.host import envelope
from services.host.streams import Stream

Headers = Iterable[tuple[bytes, bytes]]

KEEP_ALIVE_SECONDS = 15.0
"""Between comments in a stream in which nothing happens, so that no proxy takes it for dead."""
STUCK_SECONDS = 60.0
"""How long a client may take none of what was sent to it."""
_SLICE = 256 * 1024
_JSON = (b"content-type", b"application/json")
_SAFE = (b"x-content-type-options", b"nosniff")
_STREAM = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    _SAFE,
)


async def answer(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """One whole *body* of JSON."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, length, _SAFE, *headers]})
    if len(body) <= _SLICE:
        await send({"type": "http.response.body", "body": body})
        return
    try:
        await _sliced(send, body)
        await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        return


async def empty(send: Send, status: int, headers: Headers = ()) -> None:
    """An answer without a body."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), _SAFE, *headers]})
    await send({"type": "http.response.body", "body": b""})


async def refuse(
    send: Send, status: int, said: str, *, id: bytes = b"null", code: int = envelope.INVALID_REQUEST, headers: Headers = ()
) -> None:
    """An error of JSON-RPC, which clients of MCP show."""
    await answer(send, status, envelope.error(id, code, said), headers)


async def begin(send: Send, headers: Headers = ()) -> None:
    """The beginning of a stream of events."""
    await send({"type": "http.response.start", "status": 200, "headers": [*_STREAM, *headers]})


async def pump(stream: Stream, send: Send, after: int, first: bytes = b"") -> bool:
    """Send *first*, and *stream* from the event after *after* until its last one. ``False``: the client is too slow.

    A caller that cancels this takes the reader from the stream, which stays as it is.
    """
    task = asyncio.current_task()
    slow = False

    def cut() -> None:
        nonlocal slow
        if not slow and task is not None:
            slow = True
            task.cancel()

    stream.attach(after, cut)
    try:
        if first:
            await send({"type": "http.response.body", "body": first, "more_body": True})
        while True:
            data = stream.take()
            if data:
                await _sliced(send, data)
            elif stream.done:
                await send({"type": "http.response.body", "body": b""})
                return True
            elif not await stream.more(KEEP_ALIVE_SECONDS):
                await send({"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True})
    except TimeoutError:
        return False
    except asyncio.CancelledError:
        if not slow or task is None:
            raise
        task.uncancel()
        return False
    finally:
        stream.detach(cut)


async def _sliced(send: Send, data: bytes) -> None:
    """Send *data* in parts. Raises `TimeoutError` if the client takes none of them."""
    if len(data) <= _SLICE:
        async with asyncio.timeout(STUCK_SECONDS):
            await send({"type": "http.response.body", "body": data, "more_body": True})
        return
    view = memoryview(data)
    for at in range(0, len(data), _SLICE):
        async with asyncio.timeout(STUCK_SECONDS):
            await send({"type": "http.response.body", "body": bytes(view[at : at + _SLICE]), "more_body": True})
