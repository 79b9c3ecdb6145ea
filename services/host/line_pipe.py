"""What pipes to a server have in common whose messages are lines: how a line is written, and how those that come are heard.

Writing waits for a slow server, a while; what is written in one turn of the loop goes out at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from arcops.errors import Unavailable
from services.host.framing import Lines
from services.host.pipe import Lost, passed_on

STALL_SECONDS = 30.0
"""How long a server may leave its input unread before a message to it fails."""
MOST_UNREAD = 1 << 20
"""Bytes that wait for a server before a message has to wait, too."""


class LinePipe:
    """The two ends, once they are there. `Pipe` says what each method does, `HostedPipe` what each attribute is."""

    not_there = "the server is not connected"
    """What is said if a message comes while no end is open and nothing was told yet."""

    def __init__(self) -> None:
        self.over = ""
        self.asked = ""
        self.spoke = False
        """Did it write a whole line? One that never did was not started well."""
        self.look: Callable[[bytes], bool] = passed_on
        """May this line be passed on? Asked for each before anyone hears it."""
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._heard: Callable[[bytes], None] = _nothing
        self._lost: Callable[[Lost], None] = _nothing
        self._told: Callable[[str], None] = _nothing
        self._gone: Callable[[], object] = bool
        self._waiting: list[bytes] = []
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self._input: asyncio.WriteTransport | None = None
        self._output: asyncio.ReadTransport | None = None

    async def write(self, message: bytes) -> None:
        """As `Pipe.write`."""
        if self._room.is_set() and not self._turn.locked():
            self._put(message)
            return
        try:
            async with asyncio.timeout(STALL_SECONDS), self._turn:
                await self._room.wait()
                self._put(message)
        except TimeoutError:
            raise Unavailable(f"the server has not read what it was sent for {STALL_SECONDS:.0f} seconds") from None

    def _put(self, message: bytes) -> None:
        if self.over or self.asked or self._input is None or self._input.is_closing():
            raise Unavailable(self.over or self.asked or self.not_there)
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write the messages of one turn of the loop at once: a system call costs more than a small message."""
        if self._waiting and self._input is not None and not self._input.is_closing():
            self._input.write(b"\n".join((*self._waiting, b"")))
        self._waiting.clear()

    def hear(self, heard: Callable[[bytes], None], lost: Callable[[Lost], None], ended: Callable[[str], None]) -> None:
        """As `Pipe.hear`."""
        self._heard, self._lost, self._told = heard, lost, ended
        if self.over:
            ended(self.over)
        elif self._output is not None:
            self._output.resume_reading()

    def when_over(self, gone: Callable[[], None]) -> None:
        """As `HostedPipe.when_over`."""
        self._gone = gone
        if self.over:
            gone()

    def pause(self) -> None:
        """As `Pipe.pause`."""
        if self._output is not None and not self._output.is_closing() and self._output.is_reading():
            self._output.pause_reading()

    def resume(self) -> None:
        """As `Pipe.resume`."""
        if self._output is not None and not self._output.is_closing() and not self._output.is_reading():
            self._output.resume_reading()

    def _data(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if isinstance(line, Lost):
                self._lost(line)
                continue
            self.spoke = True
            if not self.asked and self.look(line):
                self._heard(line)

    def _is_over(self, why: str) -> None:
        """Nothing is left of it: tell *why*."""
        self._room.set()
        self.over = why
        self._told(why)
        self._gone()


def _nothing(_: object) -> None:
    """No one hears yet."""
