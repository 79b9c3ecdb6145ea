"""Hand this process's work to a process that is warm (`foundation.processes.warm`), and end as that work ends.

``handed.py SOCKET MODULE``: if no process takes the work, this process runs MODULE itself. What started this process notices no
difference: streams, working folder and environment are handed over, signals are passed on, and if this process is killed, so is
the work. It imports little, because its start is a part of every run.
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

SIZE = struct.Struct("!I")
"""Before what the work is told: its bytes as JSON."""
CODE = struct.Struct("!i")
"""The end of the work: its exit code, or the number of the signal that killed it, negative."""
TAKEN = b"y"
WHOLE, MORE = "environment", "more"
"""What the work is told: its whole environment, or only what it has besides that of the process which takes it."""

_PATIENCE_SECONDS = 60.0
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Handed:
    """Work that another process took. ``code`` is how it ended, as `CODE` says it; ``None`` if that was not said (yet)."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._heard = b""
        self.code: int | None = None

    def fileno(self) -> int:
        """What to wait for: there is something to `hear`."""
        return self._asked.fileno()

    def tell(self, number: int) -> None:
        """Send the work the signal *number*; nothing if it has ended."""
        with suppress(OSError):
            self._asked.sendall(bytes([number]))

    def hear(self) -> bool:
        """Wait for what is said next. Has the work ended?"""
        try:
            said = self._asked.recv(CODE.size - len(self._heard))
        except OSError:
            said = b""
        self._heard += said
        if len(self._heard) == CODE.size:
            self.code = int(CODE.unpack(self._heard)[0])
        return not said or self.code is not None

    def close(self) -> None:
        """The work ends with this, if it has not."""
        self._asked.close()


def main() -> None:
    path, module = sys.argv[1:3]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # one that comes meanwhile is for the work
    work = handed(path)
    if work is not None:
        woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        for one in _PASSED_ON:
            signal.signal(one, _passing_on(work))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if work is not None:
        _end_as(_outcome(work, woken))
    import runpy

    sys.argv[:] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def handed(path: str) -> Handed | None:
    """This process's work, if a process took it at the socket *path*."""
    try:
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # it was removed meanwhile
        return None
    try:
        return hand(path, (0, 1, 2, folder), {WHOLE: dict(os.environ)}, seconds=_PATIENCE_SECONDS)
    finally:
        os.close(folder)


def hand(path: str, streams: tuple[int, int, int, int], told: dict[str, dict[str, str]], *, seconds: float) -> Handed | None:
    """Hand over work: *streams* are its input, output, errors and working folder, *told* is `WHOLE` or `MORE`.

    ``None``: no process took it within *seconds* for each step.
    """
    folder, _, name = path.rpartition("/")
    opened: list[int] = []
    asked = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        asked.settimeout(seconds)
        asked.connect(f"/proc/self/fd/{opened[0]}/{name}")  # the path itself may be longer than a socket's may be
        said = json.dumps(told).encode()
        asked.sendmsg([SIZE.pack(len(said))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))])
        asked.sendall(said)
        if asked.recv(1) == TAKEN:
            asked.settimeout(None)
            return Handed(asked)
    except OSError:
        pass  # it is not there, or it is too busy to begin anything
    finally:
        for one in opened:
            os.close(one)
    asked.close()
    return None


def _passing_on(work: Handed) -> Callable[[int, object], None]:
    """What a signal does from now on: it reaches the work."""
    return lambda number, frame: work.tell(number)


def _outcome(work: Handed, woken: int) -> int:
    """Wait for the end of the work; 1 if the process that took it ended before.

    A signal that came just before the waiting began would not end it, and would be passed on only with the next one: so it is
    waited for *woken*, too, into which the interpreter writes at each signal.
    """
    while True:
        ready, _, _ = select.select([work.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 64)  # the signal itself is passed on by its handler, between two steps of this loop
        if work.fileno() in ready and work.hear():
            return 1 if work.code is None else work.code


def _end_as(code: int) -> None:
    """End this process with exit code *code*, or by the signal minus *code*. Nothing of it needs to be tidied up."""
    if code < 0:
        with suppress(OSError):  # some signals have no other meaning
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


if __name__ == "__main__":
    main()
