"""A process that has imported what runs need, and forks a child for each run, which so begins in milliseconds.

``warm.py SOCKET MODULE PREPARED`` imports the module PREPARED once; `foundation.processes.handed` hands it runs of MODULE. A
run gets the streams, the working folder and the environment of the process that handed it over, and ends with that process. A
run in another environment than this process has is not taken, because modules read theirs when they are imported. A run that is
not a process yet says only what it has besides this process's environment.

Only this user can reach the socket file, and only to run MODULE: neither a program nor an argument can be asked for.
"""

from __future__ import annotations

import array
import atexit
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from foundation.processes.handed import CODE, MORE, SIZE, TAKEN, WHOLE
from foundation.processes.kernel import end_with

_STREAMS = 4
"""What a run is handed: standard input, output and errors, and its working folder."""
_NOT_TAKEN = b"n"
_PATIENCE_SECONDS = 5.0
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``streams`` are open here; ``environment`` is complete, or is what the run has besides that of the process here."""

    streams: tuple[int, ...]
    environment: dict[str, str]
    whole: bool = True

    def begin(self) -> None:
        """Make this process, which was just forked, the one that the run expects."""
        for number, stream in enumerate(self.streams[:3]):
            os.dup2(stream, number)
        os.fchdir(self.streams[3])
        self.close()
        if self.whole:
            os.environ.clear()
        os.environ.update(self.environment)
        random.seed()

    def close(self) -> None:
        for stream in self.streams:
            os.close(stream)


class Warm:
    """Waits for runs at *listening*. ``varying`` are the variables of the environment in which runs may differ."""

    def __init__(self, listening: socket.socket, varying: frozenset[str]) -> None:
        self._listening = listening
        self._varying = varying
        self._environment = self._fixed(os.environ)
        self._running: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of its socket
        self._ended, ending = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(ending, warn_on_full_buffer=False)
        self._ending = ending

    def next(self) -> Run:
        """Wait, and return a run in a new child of this process. In this process itself it does not return."""
        while True:
            ready, _, _ = select.select([self._listening.fileno(), self._ended, *self._running], [], [])
            for one in ready:
                if one == self._listening.fileno():
                    if (run := self._taken()) is not None:
                        return run
                elif one == self._ended:
                    self._tell_of_those_that_ended()
                elif one in self._running:
                    self._hear(one)

    def _taken(self) -> Run | None:
        """The run that is handed over now, in the child that is forked for it."""
        asking, _ = self._listening.accept()
        try:
            asking.settimeout(_PATIENCE_SECONDS)
            run = received(asking)
        except (OSError, ValueError):
            asking.close()
            return None
        if self._fixed(run.environment) != (self._environment if run.whole else {}):
            self._refuse(run, asking)
            return None
        try:  # before the work begins: the one who handed it over would do it again, if this process ended in between
            asking.sendall(TAKEN)
        except OSError:
            run.close()
            asking.close()
            return None
        parent = os.getpid()
        child = os.fork()
        if not child:
            self._forget()
            asking.close()
            end_with(parent, signal.SIGTERM)
            run.begin()
            return run
        run.close()
        self._running[asking.fileno()] = (child, asking)
        return None

    def _refuse(self, run: Run, asking: socket.socket) -> None:
        run.close()
        there = self._fixed(run.environment if run.whole else {**os.environ, **run.environment})
        other = sorted(name for name in {*there, *self._environment} if there.get(name) != self._environment.get(name))
        print(f"arcops: a run starts by itself, because its environment is another one: {', '.join(other)}", flush=True)
        with suppress(OSError), asking:
            asking.sendall(_NOT_TAKEN)

    def _fixed(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in environment.items() if name not in self._varying}

    def _hear(self, number: int) -> None:
        """A signal for a run, or its end: who handed it over has gone."""
        child, asking = self._running[number]
        try:
            said = asking.recv(1)
        except OSError:
            said = b""
        if said:
            os.kill(child, said[0])  # it was not waited for yet, so the number is its own
        else:
            os.kill(child, signal.SIGKILL)

    def _tell_of_those_that_ended(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._ended, 64):
                pass
        for number, (child, asking) in list(self._running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del self._running[number]
                with suppress(OSError), asking:
                    asking.sendall(CODE.pack(os.waitstatus_to_exitcode(status)))

    def _forget(self) -> None:
        """In a child: nothing of the other runs, and signals as in a process that just began."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._ended)
        os.close(self._ending)
        self._listening.close()
        for _, asking in self._running.values():
            asking.close()


def received(asking: socket.socket) -> Run:
    """The run that comes through *asking*. Raises `OSError` or `ValueError` if what comes is not one."""
    streams = array.array("i")
    first, extra, _, _ = asking.recvmsg(SIZE.size, socket.CMSG_LEN(_STREAMS * streams.itemsize))
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            streams.frombytes(data[: len(data) - len(data) % streams.itemsize])
    try:
        (size,) = SIZE.unpack(first)
        if len(streams) != _STREAMS or size > _MOST_BYTES:
            raise ValueError("not a run")
        told = bytearray()
        while len(told) < size:
            piece = asking.recv(size - len(told))
            if not piece:
                raise ValueError("not a whole run")
            told += piece
        ((kind, environment),) = json.loads(told).items()
        if kind not in (WHOLE, MORE):
            raise ValueError("not a run")
        said = {str(name): str(value) for name, value in environment.items()}
        return Run(streams=tuple(streams), environment=said, whole=kind == WHOLE)
    except (OSError, ValueError, TypeError, AttributeError, struct.error) as error:
        for stream in streams:
            os.close(stream)
        raise ValueError(str(error)) from error


def listen(path: Path) -> socket.socket:
    """The socket at *path*, in a folder of this user alone. What an earlier process left there is replaced."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.chdir(path.parent)  # because the path itself may be longer than a socket's may be
    before = os.umask(0o177)
    try:
        listening.bind(path.name)
    finally:
        os.umask(before)
    listening.listen(64)
    return listening


class Ending:
    """The end of a child: at once, after everything that asked to be called at the end was called.

    The interpreter would free every object that was imported before the child began, which takes longer than many a run.
    """

    def __init__(self) -> None:
        self._code: int | None = None
        atexit.register(self._end)  # what registers first is called last

    @contextmanager
    def of_child(self) -> Iterator[None]:
        """What the block ends with is the end of this process: as Python ends, with the same exit code."""
        try:
            yield
        except SystemExit as ended:
            self._code = ended.code if isinstance(ended.code, int) else None if ended.code else 0
            raise
        self._code = 0

    def _end(self) -> None:
        if self._code is None:  # Python says what happened, and knows the code for it
            return
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # it is closed, or no one reads it
                stream.flush()
        os._exit(self._code & 0xFF)


def main() -> None:
    """Prepare, then serve for ever; in each child, run the module."""
    ending = Ending()
    path, module, prepared = Path(sys.argv[1]), sys.argv[2], import_module(sys.argv[3])
    varying: frozenset[str] = prepared.VARYING
    prepared.prepare()
    warm = Warm(listen(path), varying)
    gc.collect()
    gc.freeze()  # a child looks for no cycles in what was there before it, so it copies less memory
    print("arcops: ready to begin runs", flush=True)
    warm.next()
    sys.argv[:] = [module]
    sys.modules.pop(module, None)  # runpy warns of a module that was imported before it runs
    with ending.of_child():
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
