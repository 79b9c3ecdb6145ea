"""Hand this process's work to a process that is warm (`foundation.processes.warm`), and end as that work ends.

``handed.py SOCKET MODULE``: if no process takes the work, this process runs MODULE itself. What started this process notices no
difference: streams, working folder and environment are handed over, signals are passed on, and if this process is killed, so is
the work. It imports little, because its start is a part of every run.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

SIZE = struct.Struct("!I")
"""Before the environment: its bytes as JSON."""
CODE = struct.Struct("!i")
"""The end of the work: its exit code, or the number of the signal that killed it, negative."""
TAKEN = b"y"

_PATIENCE_SECONDS = 60.0
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    path, module = sys.argv[1:3]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # one that comes meanwhile is for the work
    asked = handed(path)
    if asked is not None:
        for one in _PASSED_ON:
            signal.signal(one, _passing_on(asked))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if asked is not None:
        _end_as(_outcome(asked))
    import runpy

    sys.argv[:] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def handed(path: str) -> socket.socket | None:
    """The connection to the process that took this one's work at the socket *path*; ``None`` if none did."""
    folder, _, name = path.rpartition("/")
    opened: list[int] = []
    asked = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened += [os.open(folder, os.O_RDONLY | os.O_DIRECTORY), os.open(".", os.O_RDONLY | os.O_DIRECTORY)]
        asked.settimeout(_PATIENCE_SECONDS)
        asked.connect(f"/proc/self/fd/{opened[0]}/{name}")  # the path itself may be longer than a socket's may be
        streams = array.array("i", [0, 1, 2, opened[1]])
        told = json.dumps(dict(os.environ)).encode()
        asked.sendmsg([SIZE.pack(len(told))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        asked.sendall(told)
        if asked.recv(1) == TAKEN:
            return asked
    except OSError:
        pass  # it is not there, or it is too busy to begin anything
    finally:
        for one in opened:
            os.close(one)
    asked.close()
    return None


def _passing_on(asked: socket.socket) -> Callable[[int, object], None]:
    """What a signal does from now on: it reaches the work."""

    def pass_on(number: int, frame: object) -> None:
        with suppress(OSError):
            asked.sendall(bytes([number]))

    return pass_on


def _outcome(asked: socket.socket) -> int:
    """Wait for the end of the work: as `CODE` says it; 1 if the process that took it ended before."""
    asked.settimeout(None)
    told = b""
    with suppress(OSError):
        while len(told) < CODE.size and (more := asked.recv(CODE.size - len(told))):
            told += more
    return int(CODE.unpack(told)[0]) if len(told) == CODE.size else 1


def _end_as(code: int) -> None:
    """End this process with exit code *code*, or by the signal minus *code*. Nothing of it needs to be tidied up."""
    if code < 0:
        with suppress(OSError):  # some signals have no other meaning
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


if __name__ == "__main__":
    main()
