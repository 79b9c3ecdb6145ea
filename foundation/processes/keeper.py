"""Keeps the programs that a host runs for long, and ends them all if that host ends, stops or hangs.

It is a process of its own, below the host. Its standard input is a socket to the host (`foundation.processes.keeping`), which
asks it to start and to end programs, and says from time to time that it is still at work. If the host says nothing for too
long, or the socket ends, every program ends, with all that it started (`foundation.processes.kept_tree`).
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from foundation.processes.kept_tree import DONE, END, GENTLY, Program, begin, below_us, end_below

MOST_BYTES = 128 * 1024
"""A message to the keeper or from it."""
STREAMS = 3
RENEWED = b"r"


@dataclass(slots=True, kw_only=True)
class _Tree:
    """A program's tree: the process that holds it together, and the pipes to it."""

    number: int
    warden: int
    orders: int
    reports: int
    said: bytes = b""


class Keeper:
    """Serves one *host*; *patience* is how many seconds it may be silent."""

    def __init__(self, host: socket.socket, patience: float) -> None:
        self._host = host
        self._patience = patience
        self._silent_at = _awake() + patience
        self._trees: dict[int, _Tree] = {}  # by the descriptor of its reports
        self._wake, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        self._waking = waking
        for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)  # a signal to the host's group is the host's to answer

    def serve(self) -> None:
        """Serve until the host is gone; then end every program."""
        while True:
            left = max(0.0, self._silent_at - _awake()) if self._trees else None
            ready, _, _ = select.select([self._host.fileno(), self._wake, *self._trees], [], [], left)
            if self._trees and _awake() >= self._silent_at and self._host.fileno() not in ready:
                self._order(END, *self._trees.values())
                self._silent_at = _awake() + self._patience
            if self._host.fileno() in ready and not self._hear():
                break
            if self._wake in ready:
                self._adopted()
            for one in ready:
                if one in self._trees:
                    self._report(self._trees[one])
        for tree in self._trees.values():
            os.close(tree.orders)  # a tree whose orders end is ended at once
        while self._trees:
            ready, _, _ = select.select(list(self._trees), [], [])
            for one in ready:
                self._report(self._trees[one])
        end_below()

    def _hear(self) -> bool:
        """One message of the host; is the host there?"""
        streams = array.array("i")
        try:
            said, extra, _, _ = self._host.recvmsg(
                MOST_BYTES, socket.CMSG_LEN(STREAMS * streams.itemsize), socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return False
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                streams.frombytes(data[: len(data) - len(data) % streams.itemsize])
        if not said:
            return False
        self._silent_at = _awake() + self._patience
        if said == RENEWED:
            return True
        asked = json.loads(said)
        if "begin" in asked:
            self._begin(int(asked["begin"]), asked, tuple(streams))
        else:
            order = GENTLY if asked.get("gently") else END
            self._order(order, *(one for one in self._trees.values() if one.number == asked["end"]))
        return True

    def _begin(self, number: int, asked: dict[str, Any], streams: tuple[int, ...]) -> None:
        program = Program(
            command=tuple(asked["command"]),
            environment=dict(asked["environment"]),
            folder=asked["folder"],
            limits=dict(asked["limits"]),
            streams=streams,
            gently_seconds=float(asked["gently_seconds"]),
            box=asked["box"],
        )
        if program.box is not None:
            import foundation.processes.box  # noqa: F401  # once and here, and not in each child
        orders, ordering = os.pipe2(os.O_CLOEXEC)
        reports, reporting = os.pipe2(os.O_CLOEXEC)
        child = os.fork()
        if not child:
            # A pipe ends only if no one holds its other end: this child holds none of the other trees.
            for tree in self._trees.values():
                os.close(tree.orders)
                os.close(tree.reports)
            signal.set_wakeup_fd(-1)
            for end in (ordering, reports, self._wake, self._waking, self._host.fileno()):
                os.close(end)
            begin(program, orders, reporting)
        for one in (*streams, orders, reporting):
            os.close(one)
        self._trees[reports] = _Tree(number=number, warden=child, orders=ordering, reports=reports)

    def _order(self, order: bytes, *trees: _Tree) -> None:
        for tree in trees:
            with suppress(OSError):
                os.write(tree.orders, order)

    def _report(self, tree: _Tree) -> None:
        """Pass on what *tree* says, whole lines only, and its end."""
        more = os.read(tree.reports, 65536)
        tree.said += more
        *lines, tree.said = tree.said.split(b"\n")
        for line in lines:
            self._tell(tree.number, json.loads(line))
        if more:
            return
        with suppress(ChildProcessError):
            os.waitpid(tree.warden, 0)
        del self._trees[tree.reports]
        for end in (tree.reports, tree.orders):
            with suppress(OSError):
                os.close(end)
        self._tell(tree.number, DONE)

    def _tell(self, number: int, said: Mapping[str, Any]) -> None:
        with suppress(OSError):  # the host is gone; that is heard next
            self._host.send(json.dumps({"of": number, **said}).encode())

    def _adopted(self) -> None:
        """End what lost its parents: the process that held its tree together was killed."""
        with suppress(BlockingIOError):
            while os.read(self._wake, 64):
                pass
        wardens = {one.warden for one in self._trees.values()}
        for one in below_us() - wardens:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(one, 0)


def _awake() -> float:
    """Seconds of a clock that goes on while this machine sleeps: a host that slept may have lost what it held."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def main() -> None:
    """Serve the host at the socket that is standard input. The first argument is the patience in seconds."""
    from foundation.processes.kept_tree import become_reaper

    become_reaper()
    host = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    Keeper(host, float(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
