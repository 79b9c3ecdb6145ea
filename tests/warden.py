"""Runs a command, outlives it, and ends whatever it started: no process is left of a run of the tests, however the run ends.

``python -I -S warden.py`` runs what `COMMAND` holds below a second warden, ``python -I -S warden.py --below COMMAND...``.

Every process below it that loses its parent becomes its child (a subreaper, prctl(2)). So all that the command started, and all
that these started in turn, stay below the warden, with any session, environment or user; it knows when the last has ended.
It imports nothing of ours, and its command line does not name pytest: ``pkill -KILL -f pytest`` does not end it.

- The command ended by itself: what it left may end within seconds. What does not is named and ended, and the exit code is 1.
- The command was killed or interrupted: what it left is ended at once.
- The warden gets SIGTERM, SIGHUP or SIGQUIT: all below it is ended. SIGINT is passed on; the command answers it.
- The warden is killed: so is the command, and the warden above ends the rest. It also judges what a command has left that
  ended by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

COMMAND, PARENT = "_TESTS_COMMAND", "_TESTS_WARDEN"
"""The variables that hold the command, as JSON, and tell the command the process id of its warden."""

_ENDING = {signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
_HEARD = {*_ENDING, signal.SIGINT, signal.SIGCHLD}
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_BY_ITSELF = (0, 1)
"""The exit codes of a run of pytest that was not interrupted and did not break."""
_PATIENCE_SECONDS, _LONGEST_SECONDS = 5.0, 60.0


def main() -> int:
    """Run the command and give the exit code for it."""
    below = sys.argv[1:2] == ["--below"]
    if below:
        command = sys.argv[2:] or json.loads(os.environ.pop(COMMAND))
    else:
        command = [sys.executable, "-I", "-S", __file__, "--below"]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    child = os.fork()
    if not child:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.execve(command[0], command, {**os.environ, PARENT: str(os.getppid())})  # noqa: S606  # no shell is wanted
    _let_go_of_streams()
    code = _watch(child)
    if below and 0 <= code < 128:
        return code
    if code not in _BY_ITSELF:
        _end_all(0.0)
        return code
    left = _end_all(_PATIENCE_SECONDS)
    for line in left:
        print(f"left by the tests, and ended now: {line}", file=sys.stderr)
    return 1 if left else code


def _prctl(option: int, value: int) -> None:
    nothing = ctypes.c_ulong(0)
    if ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), nothing, nothing, nothing) != 0:
        raise OSError(f"prctl {option} is refused")


def _let_go_of_streams() -> None:
    """The command's input and output are its own: who reads its output sees its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


def _watch(child: int) -> int:
    """Wait for *child*; its exit code, or 128 and the number of the signal that ended it or should end all."""
    while True:
        heard = signal.sigwaitinfo(_HEARD)
        if heard.si_signo == signal.SIGCHLD:
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == child:
                        code = os.waitstatus_to_exitcode(ended[1])
                        return code if code >= 0 else 128 - code
        elif heard.si_signo == signal.SIGINT:
            if heard.si_code <= 0:  # somebody sent it here; a terminal sends it to the command as well
                os.kill(child, signal.SIGINT)
        else:
            return 128 + heard.si_signo


def _end_all(patience: float) -> list[str]:
    """Wait so long for everything below this process, then end it. Gives the command lines of what had to be ended."""
    begun = time.monotonic()
    left: list[str] | None = None
    while _any_child():
        if time.monotonic() < begun + patience:
            heard = signal.sigtimedwait(_HEARD, 0.2)
            if heard is not None and heard.si_signo != signal.SIGCHLD:
                patience = 0.0
            continue
        found = _descendants()
        left = [*filter(None, map(_command, found))] if left is None else left
        for one in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        signal.sigtimedwait(_HEARD, 0.02)
        if time.monotonic() > begun + patience + _LONGEST_SECONDS:
            print(f"does not end: {' '.join(map(str, found))}", file=sys.stderr)
            break
    return left or []


def _any_child() -> bool:
    """Is there any process below this one? Takes note of those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while grown := {one for one, parent in parents.items() if parent in found} - found:
        found |= grown
    return sorted(found - {os.getpid()})


def _command(pid: int) -> str:
    """What *pid* runs, in one line; nothing if it has ended and its parent did not ask yet."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    except OSError:
        return ""
    return f"{pid} {' '.join(words)[:300]}" if words else ""


if __name__ == "__main__":
    sys.exit(main())
