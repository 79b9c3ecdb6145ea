"""The host's side of the keeper: start programs that run for long, and know when they ended (`foundation.processes.keeper`).

While an event loop runs `Keeping.renewing`, the keeper knows that this process is at work. A process that is stopped, or whose
loop hangs, loses its programs after `PATIENCE_SECONDS`: another host may run them by then.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from arcops.errors import Unavailable
from foundation.processes.environments import of_program
from foundation.processes.keeper import MOST_BYTES, RENEWED
from foundation.processes.starting import Child, python, start

if TYPE_CHECKING:
    from foundation.processes.box import Box

PATIENCE_SECONDS = 10.0
RENEW_SECONDS = 2.0
_GENTLY_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. ``code`` is its exit code, or minus the signal that ended it; ``None`` if no one can say.

    ``left`` is how many other processes it had left, which were ended with it.
    """

    code: int | None
    left: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Kept:
    """A program that runs. The three descriptors are this process's ends of its streams, and belong to the caller.

    ``ended`` is set when nothing is left of it.
    """

    number: int
    pid: int
    stdin: int
    stdout: int
    stderr: int
    ended: asyncio.Future[Ended]


@dataclass(slots=True, kw_only=True, eq=False)
class _Begun:
    began: asyncio.Future[int]
    ended: asyncio.Future[Ended]
    code: int | None = None
    left: int = 0
    open: tuple[int, ...] = field(default=())


class Keeping:
    """The keeper of this process, which is started with the first program. Use it from one event loop."""

    def __init__(self, *, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._socket: socket.socket | None = None
        self._keeper: Child | None = None
        self._begun: dict[int, _Begun] = {}
        self._numbers = 0

    async def begin(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        limits: Mapping[str, int] | None = None,
        gently_seconds: float = _GENTLY_SECONDS,
        stdin: tuple[int, int] | None = None,
        box: Box | None = None,
    ) -> Kept:
        """Start *command* (an absolute path and its arguments) with *environment* and nothing else, in a session of its own.

        *stdin* are our end and its end of what is its standard input, instead of a pipe; both are taken over.
        With a *box* it is put into that. *limits* are numbers of ``files``, ``bytes`` of memory and ``processes``. Raises
        `Unavailable` if it cannot be started.
        """
        keeper = self._open()
        self._numbers += 1
        number, loop = self._numbers, asyncio.get_running_loop()
        ours, theirs = streams(stdin)
        told = {
            "begin": number,
            "command": list(command),
            "environment": dict(environment),
            "folder": folder,
            "limits": dict(limits or {}),
            "gently_seconds": gently_seconds,
            "box": None if box is None else asdict(box),
        }
        begun = self._begun[number] = _Begun(began=loop.create_future(), ended=loop.create_future(), open=ours)
        try:
            socket.send_fds(keeper, [_message(told)], list(theirs))
            pid = await begun.began
        except BaseException as error:
            for one in ours:
                os.close(one)
            self._begun.pop(number, None)
            if isinstance(error, OSError):
                raise Unavailable(f"{command[0]} cannot be started: {error.strerror}") from error
            raise
        finally:
            for one in theirs:
                os.close(one)
        return Kept(number=number, pid=pid, stdin=ours[0], stdout=ours[1], stderr=ours[2], ended=begun.ended)

    def end(self, kept: Kept, *, gently: bool = True) -> None:
        """Ask the program to end, or end it now with all that it started. Its ``ended`` says when that is done."""
        self._send(json.dumps({"end": kept.number, "gently": gently}).encode())

    async def renewing(self, every: float = RENEW_SECONDS) -> None:
        """Say for ever that this process is at work."""
        while True:
            self._send(RENEWED)
            await asyncio.sleep(every)

    def leave(self) -> None:
        """Hear the keeper no more. For the event loop, before `close` in a thread: a loop that goes on must not keep a reader
        of a descriptor that something else gets.
        """
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())

    def close(self) -> None:
        """End every program and the keeper, and wait for that. In the thread of a running loop this is `leave` too."""
        if self._socket is None:
            return
        with suppress(RuntimeError):
            self.leave()
        self._socket.close()
        self._socket = None
        if self._keeper is not None:
            self._keeper.wait()
            self._keeper = None
        self._gone()

    def _open(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = python("foundation.processes.keeper", str(self._patience))
            try:
                self._keeper = start(command, environment=of_program("/"), folder="/", stdin=theirs.fileno(), stderr=None)
            except OSError as error:
                ours.close()
                raise Unavailable(f"no program can be kept: {error.strerror}") from error
        ours.setblocking(False)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._hear, ours)
        self._socket = ours
        return ours

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            with suppress(OSError):  # its end is heard by itself; a queue that is full is renewal enough
                self._socket.send(message)

    def _hear(self, keeper: socket.socket) -> None:
        while True:
            try:
                said = keeper.recv(MOST_BYTES)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if not said:
                self._lost(keeper)
                return
            self._told(json.loads(said))

    def _told(self, said: dict[str, Any]) -> None:
        begun = self._begun.get(said["of"])
        if begun is None:
            return
        if "pid" in said and not begun.began.done():
            begun.began.set_result(said["pid"])
        elif "failed" in said and not begun.began.done():
            begun.began.set_exception(Unavailable(f"it cannot be started: {said['failed']}"))
        elif "code" in said:
            begun.code, begun.left = said["code"], said["left"]
        elif "done" in said:
            del self._begun[said["of"]]
            _settle(begun)

    def _lost(self, keeper: socket.socket) -> None:
        """The keeper itself ended, and with it every program."""
        asyncio.get_running_loop().remove_reader(keeper.fileno())
        keeper.close()
        self._socket = None
        if self._keeper is not None:
            self._keeper.kill()  # its socket ended, so it has ended or is broken
            self._keeper.wait()
        self._keeper = None
        self._gone()

    def _gone(self) -> None:
        for begun in self._begun.values():
            _settle(begun)
        self._begun.clear()


def _settle(begun: _Begun) -> None:
    if not begun.began.done():
        begun.began.set_exception(Unavailable("it cannot be started: the process that keeps programs ended; try again"))
    if not begun.ended.done():
        begun.ended.set_result(Ended(code=begun.code, left=begun.left))


def streams(stdin: tuple[int, int] | None = None) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Our ends and the program's ends of its standard input, output and errors; *stdin* as for `Keeping.begin`."""
    theirs_in, ours_in = os.pipe2(os.O_CLOEXEC) if stdin is None else (stdin[1], stdin[0])
    ours_out, theirs_out = os.pipe2(os.O_CLOEXEC)
    ours_err, theirs_err = os.pipe2(os.O_CLOEXEC)
    return (ours_in, ours_out, ours_err), (theirs_in, theirs_out, theirs_err)


def _message(told: Mapping[str, Any]) -> bytes:
    message = json.dumps(told).encode()
    if len(message) > MOST_BYTES:
        raise Unavailable(f"its command and environment have {len(message)} bytes; at most {MOST_BYTES} are passed on")
    return message
