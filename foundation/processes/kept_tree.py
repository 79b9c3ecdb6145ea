"""One kept program and all that it starts: held together by a process that becomes the parent of whatever loses its own.

So a program that forks and detaches, with a session, group or environment of its own, is still below that process, and ends
with the program (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from foundation.processes.kernel import end_with, no_new_privileges, prctl

GENTLY, END = b"t", b"k"
"""What a tree is told: ask the program to end (SIGTERM) and end all of it some seconds later, or end all of it now."""
DONE: Mapping[str, Any] = {"done": True}
"""What is said of a tree last: nothing is left of it."""
_SUBREAPER = 36
_LIMITS = {"files": resource.RLIMIT_NOFILE, "bytes": resource.RLIMIT_AS, "processes": resource.RLIMIT_NPROC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. ``streams`` are open descriptors for standard input, output and errors; ``limits`` are in `_LIMITS`' words.

    ``gently_seconds`` is how long it may take to end when it is asked to.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    limits: dict[str, int]
    streams: tuple[int, ...]
    gently_seconds: float
    box: Mapping[str, Any] | None = None
    """The box to put it in (`foundation.processes.box.told`), if it is to be in one."""


def become_reaper() -> None:
    """From now on, what loses its parent below this process becomes a child of this process."""
    prctl(_SUBREAPER, 1)


def begin(program: Program, orders: int, reports: int) -> NoReturn:
    """In a process that was just forked for it: run *program*, hear *orders*, write *reports*, and end with all of it."""
    code = 1
    try:
        become_reaper()
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        wake, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        failed, failing = os.pipe2(os.O_CLOEXEC)
        parent, child = os.getpid(), os.fork()
        if not child:
            signal.set_wakeup_fd(-1)
            _become(program, parent, failing)
        os.close(failing)
        for one in program.streams:
            os.close(one)
        why = os.read(failed, 4096).decode("utf-8", "replace")
        _say(reports, {"failed": why} if why else {"pid": child})
        ended = _watch(child, orders, wake, program.gently_seconds)
        left = end_below()
        _say(reports, {"code": ended, "left": left})
        code = 0
    finally:
        os._exit(code)


def _become(program: Program, parent: int, failing: int) -> NoReturn:
    """In the program's own process: a session of its own, no new rights, its limits, its streams; then the program."""
    try:
        os.setsid()
        end_with(parent, signal.SIGKILL)
        for one in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(one, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for word, most in program.limits.items():
            _limit(_LIMITS[word], most)
        for number, stream in enumerate(program.streams):
            os.dup2(stream, number)
        os.chdir(program.folder)
        no_new_privileges()
        if program.box is not None:
            from foundation.processes import box  # the keeper has imported it by then

            box.become(box.box_told(program.box), program.command, program.environment)
        os.execve(program.command[0], list(program.command), program.environment)  # noqa: S606  # no shell is wanted
    except BaseException as error:
        os.write(failing, f"{program.command[0]}: {getattr(error, 'strerror', None) or error}".encode()[:4000])
    finally:
        os._exit(126)


def _limit(what: int, most: int) -> None:
    """*most* of it, or the hard limit if that is less."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _watch(child: int, orders: int, wake: int, gently_seconds: float) -> int:
    """Wait until *child* ended or must end; its exit code, or minus the signal that ended it."""
    last: float | None = None
    while True:
        left = None if last is None else max(0.0, last - time.monotonic())
        ready, _, _ = select.select([orders, wake], [], [], left)
        if wake in ready:
            with suppress(BlockingIOError):
                while os.read(wake, 64):
                    pass
        code = _reaped(child)
        if code is not None:
            return code
        said = os.read(orders, 1) if orders in ready else b""
        if said == GENTLY and last is None:
            last = time.monotonic() + gently_seconds
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGTERM)
        elif orders in ready or (last is not None and time.monotonic() >= last):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)


def _reaped(child: int) -> int | None:
    """The end of *child*, if it ended; others that ended below us are forgotten."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if not pid:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)


def below_us() -> set[int]:
    """The children of this process now."""
    try:
        return {int(one) for one in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
    except FileNotFoundError:  # a kernel without that file: every process is asked for its parent
        return set(_by_parent(os.getpid()))


def _by_parent(parent: int) -> list[int]:
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with suppress(OSError):
                fields = (one / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(one.name))
    return found


def end_below() -> int:
    """End every process below this one, also those that appear meanwhile. How many there were."""
    ended = 0
    while True:
        for one in below_us():
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        try:
            _, status = os.waitpid(-1, 0)
            ended += os.WIFSIGNALED(status)  # others had ended before, and were only not waited for
        except ChildProcessError:
            return ended


def _say(reports: int, said: Mapping[str, Any]) -> None:
    with suppress(OSError):
        os.write(reports, json.dumps(said).encode() + b"\n")
