"""The host's side of a process that is forked for each session of a Python server (`foundation.processes.zygote_program`).

The process itself is kept like every program, so it ends with its host, and all its forks with it. A fork has a session and
streams of its own. What a fork detached and left ends with the process, and not before.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arcops.errors import Unavailable
from foundation.processes import zygote_program
from foundation.processes.keeping import Ended, Keeping, Kept, streams

READY_SECONDS = 45.0
_GENTLY_SECONDS = 3.0


def source() -> str:
    """The program, for the interpreter of a server."""
    return Path(zygote_program.__file__).read_text(encoding="utf-8")


class Zygote:
    """*kept* runs the program; *control* is our end of its standard input. For the thread of one event loop."""

    def __init__(self, kept: Kept, control: socket.socket, keeping: Keeping) -> None:
        self.kept = kept
        self._control, self._keeping = control, keeping
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._begun: dict[int, tuple[asyncio.Future[Kept], tuple[int, int, int]]] = {}
        self._forks: dict[int, Kept] = {}
        self._numbers = 0
        self.empty: Callable[[], None] = _nothing
        """Called when its last fork has ended."""
        control.setblocking(False)
        self._loop.add_reader(control.fileno(), self._hear)
        kept.ended.add_done_callback(self._over)

    @property
    def ended(self) -> bool:
        """Can it be forked no more?"""
        return self.kept.ended.done()

    @property
    def forks(self) -> int:
        """How many forks there are."""
        return len(self._forks) + len(self._begun)

    async def ready(self) -> None:
        """Wait until it has imported what it needs. Raises `Unavailable` if it ends before, or takes too long."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await asyncio.shield(self._ready)
        except TimeoutError:
            self.close()
            raise Unavailable(f"the server did not import what it needs within {READY_SECONDS:.0f} seconds") from None

    async def fork(self, environment: Mapping[str, str]) -> Kept:
        """A new fork, with *environment* and nothing else. Raises `Unavailable` if there cannot be one."""
        self._numbers += 1
        number = self._numbers
        ours, theirs = streams()
        begun: asyncio.Future[Kept] = self._loop.create_future()
        self._begun[number] = (begun, ours)
        try:
            message = json.dumps({"fork": number, "environment": dict(environment)}).encode()
            if len(message) > zygote_program.MOST:
                raise Unavailable(f"its variables have {len(message)} bytes; at most {zygote_program.MOST} are passed on")
            socket.send_fds(self._control, [message], list(theirs))
            return await asyncio.shield(begun)
        except BaseException as error:
            if number in self._begun:
                for one in ours:
                    os.close(one)
            elif begun.done() and not begun.cancelled() and begun.exception() is None:
                self.end(begun.result(), gently=False)  # it came when no one waited any more
            if isinstance(error, OSError):
                raise Unavailable(f"the server cannot be forked: {error.strerror}") from error
            raise
        finally:
            self._begun.pop(number, None)
            for one in theirs:
                os.close(one)

    def end(self, kept: Kept, *, gently: bool = True) -> None:
        """Ask the fork to end, and end it if it does not; or end it now. As `Keeping.end`."""
        self._tell({"end": kept.number, "signal": signal.SIGTERM if gently else signal.SIGKILL})
        if gently:
            self._loop.call_later(_GENTLY_SECONDS, self._end_now, kept)

    def _end_now(self, kept: Kept) -> None:
        if not kept.ended.done():
            self.end(kept, gently=False)

    def close(self) -> None:
        """End it, with every fork."""
        self._keeping.end(self.kept, gently=False)

    def _tell(self, said: Mapping[str, Any]) -> None:
        try:
            self._control.send(json.dumps(said).encode())
        except OSError:
            return  # its end is heard by itself

    def _hear(self) -> None:
        while True:
            try:
                said = self._control.recv(zygote_program.MOST)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if not said:
                self._loop.remove_reader(self._control.fileno())
                return
            self._told(json.loads(said))

    def _told(self, said: Mapping[str, Any]) -> None:
        if "ready" in said:
            if not self._ready.done():
                self._ready.set_result(None)
        elif "pid" in said:
            self._came(said["of"], said["pid"])
        else:
            self._settle(said["of"], said["code"])

    def _came(self, number: int, pid: int) -> None:
        """A fork is there; its end may be the next that is heard."""
        begun = self._begun.pop(number, None)
        ended: asyncio.Future[Ended] = self._loop.create_future()
        if begun is None:  # no one waits for it
            self._forks[number] = made = Kept(number=number, pid=pid, stdin=-1, stdout=-1, stderr=-1, ended=ended)
            self.end(made, gently=False)
            return
        waiting, (stdin, stdout, stderr) = begun
        self._forks[number] = made = Kept(number=number, pid=pid, stdin=stdin, stdout=stdout, stderr=stderr, ended=ended)
        if not waiting.done():
            waiting.set_result(made)

    def _settle(self, number: int, code: int | None) -> None:
        made = self._forks.pop(number, None)
        if made is not None and not made.ended.done():
            made.ended.set_result(Ended(code=code))
        if not self.forks:
            self.empty()

    def _over(self, _: asyncio.Future[Ended]) -> None:
        """All of it is gone."""
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        why = "the process that the server is forked from ended"
        futures: list[asyncio.Future[Any]] = [self._ready, *(one for one, _ in self._begun.values())]
        for waiting in futures:
            if not waiting.done():
                waiting.set_exception(Unavailable(why))
                waiting.exception()  # no one may wait for it any more
        for number in list(self._forks):
            self._settle(number, None)


def control() -> tuple[socket.socket, socket.socket]:
    """Our end and the process's end of the socket that is its standard input."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def told(run: str, arguments: Sequence[str], *, module: str = "", file: str = "") -> str:
    """What the program is told: import *module* and *run* that text in each fork, or import and run *file*."""
    said: dict[str, object] = {"arguments": list(arguments)}
    said |= {"module": module, "run": run} if module else {"file": file}
    return json.dumps(said)


def _nothing() -> None:
    """No one asked."""
