"""A process of this machine as a `Pipe`: messages are lines of its standard input and output; its errors are for people."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from foundation.processes.keeping import Ended, Kept
from services.host.errors_told import Errors
from services.host.line_pipe import MOST_UNREAD, LinePipe

_EOF_SECONDS = 2.0
_SILENT_SECONDS = 0.5
_MOST_ERRORS = 200


class Ends(Protocol):
    """What ends a process."""

    def end(self, kept: Kept, *, gently: bool = True) -> None:
        """As `Keeping.end`."""


class ProcessPipe(LinePipe):
    """The two ends of *kept*, which *keeping* ends. *said* gets each line of its standard error.

    In these lines *secrets* are masked: a server that cannot use one likes to show it.
    """

    not_there = "the server's process has ended"

    def __init__(self, kept: Kept, keeping: Ends, *, said: Callable[[str], None], secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.kept = kept
        self.errors: deque[str] = deque(maxlen=_MOST_ERRORS)
        """The last lines of its standard error."""
        self._keeping, self._told_errors = keeping, Errors(self._shown(said), secrets)
        self._closed = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        kept.ended.add_done_callback(self._end_begins)

    @property
    def pid(self) -> int | None:
        """As `HostedPipe.pid`."""
        return self.kept.pid

    @property
    def code(self) -> int | None:
        """As `HostedPipe.code`."""
        ended = self.kept.ended
        return ended.result().code if ended.done() and not ended.cancelled() else None

    async def left(self) -> None:
        """As `HostedPipe.left`."""
        await asyncio.wait((self.kept.ended,))

    async def begin(self) -> None:
        """Take hold of the streams; `hear` comes before or after."""
        files = [
            os.fdopen(self.kept.stdin, "wb", 0),
            os.fdopen(self.kept.stdout, "rb", 0),
            os.fdopen(self.kept.stderr, "rb", 0),
        ]
        self._input, _ = await self._loop.connect_write_pipe(lambda: _Input(self._room, self._deaf), files[0])
        self._input.set_write_buffer_limits(high=MOST_UNREAD)
        self._output, _ = await self._loop.connect_read_pipe(lambda: _Output(self._data, self._silent), files[1])
        self._output.pause_reading()
        await self._loop.connect_read_pipe(lambda: self._told_errors, files[2])

    def end(self, why: str) -> None:
        """Close its input; ask it to end if it does not within seconds, and end it if it does not answer that."""
        if self.asked or self.over:
            return
        self.asked = why
        self.resume()  # what it still writes must not hold it up
        self._flush()
        if self._input is not None:
            self._input.close()
        self._loop.call_later(_EOF_SECONDS, self._keeping.end, self.kept)

    def _silent(self) -> None:
        """Its output ended. A process that lives on can answer no one, so it is ended too, unless it just ended by itself."""
        self._closed.set()
        if not self.kept.ended.done():
            self._loop.call_later(_SILENT_SECONDS, self.end, "the server closed its output")

    def _deaf(self) -> None:
        """Its input ended, and not by us: what lives on hears no one, so it is ended too."""
        self._room.set()
        if not self.kept.ended.done():
            self._loop.call_later(_SILENT_SECONDS, self.end, "the server closed its input")

    def _shown(self, said: Callable[[str], None]) -> Callable[[str], None]:
        def shown(line: str) -> None:
            self.errors.append(line)
            said(line)

        return shown

    def _end_begins(self, _: asyncio.Future[Ended]) -> None:
        self._ending = self._loop.create_task(self._ended())

    async def _ended(self) -> None:
        """All of it is gone: what it wrote before is read to its end, then that is told."""
        self.resume()
        try:
            async with asyncio.timeout(_EOF_SECONDS):
                await self._closed.wait()
        except TimeoutError:
            pass  # it was never read
        for one in (self._input, self._output):
            if one is not None:
                one.close()
        self._is_over(self.asked or _sentence(self.kept.ended.result(), () if self.spoke else self.errors))


def _sentence(ended: Ended, errors: Iterable[str]) -> str:
    """How it ended, with the last of *errors*. Callers are told it, so a server that others have called shows no line."""
    if ended.code is None:
        how = "the process that keeps the servers ended, and the server with it"
    elif ended.code < 0:
        how = f"the server's process was ended by signal {-ended.code}"
    else:
        how = f"the server's process ended with exit code {ended.code}"
    last = next((one for one in reversed(list(errors)) if one.strip()), "")
    return f"{how}; its last words: {last[:300]}" if last else how


class _Input(asyncio.BaseProtocol):
    """``room`` is set while the server reads fast enough; ``closed`` is called when it can be written to no more."""

    def __init__(self, room: asyncio.Event, closed: Callable[[], None]) -> None:
        self._room, self._closed = room, closed

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed()


class _Output(asyncio.Protocol):
    def __init__(self, data: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        self._data, self._closed = data, closed

    def data_received(self, data: bytes) -> None:
        self._data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed()
