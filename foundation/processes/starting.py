"""Starting a child: isolated Python, in an empty folder, with the environment that the caller gives."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from arcops.rooms import HOUSE

if TYPE_CHECKING:
    import asyncio

Child = subprocess.Popen[bytes]
TimeoutExpired = subprocess.TimeoutExpired
PIPE, NOTHING = subprocess.PIPE, subprocess.DEVNULL


def own_path() -> list[str]:
    """The path on which a child of ours looks for modules: this process's, without the working folder and the script's own.

    The content of the working folder and of a script's folder is not trusted, unless ArcOps itself is installed there.
    """
    script = os.path.realpath(str(Path(sys.argv[0]).parent)) if sys.argv and sys.argv[0] not in ("", "-c", "-m") else ""
    not_ours = {os.path.realpath(one) for one in (_working_folder(), script) if one} - {os.path.realpath(HOUSE)}
    chosen = [entry for entry in sys.path if Path(entry).is_absolute() and os.path.realpath(entry) not in not_ours]
    return chosen if HOUSE in chosen else [*chosen, HOUSE]


def python(module: str, *arguments: str, ends_with_us: signal.Signals | None = None) -> list[str]:
    """The command that runs *module* isolated (``-I``), on our own paths.

    With *ends_with_us* the kernel sends it that signal when the thread that started it ends.
    """
    parent = f"{os.getpid()}, {int(ends_with_us)}" if ends_with_us is not None else ""
    program = f"import sys; sys.path[:] = {own_path()!r}; from foundation.processes.begin import main; main({parent})"
    return [sys.executable, "-I", *_flags(), "-c", program, module, *arguments]


def program(arguments: Sequence[str], *, closed: Iterable[str], network: bool) -> list[str]:
    """The command that runs a third-party program, without the files *closed*, and without network unless allowed.

    It gains no rights, and is killed when the thread that started it ends. Raises `OSError` if there is no such program.
    """
    if not os.access(arguments[0], os.X_OK):
        number = errno.EACCES if Path(arguments[0]).exists() else errno.ENOENT
        raise OSError(number, os.strerror(number))
    said = json.dumps({"files": list(closed), "network": network})
    return python("foundation.processes.program", said, *arguments, ends_with_us=signal.SIGKILL)


def _flags() -> list[str]:
    """The settings that ``-I`` makes Python ignore and that only say where it keeps its caches."""
    cache = ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []
    return [*(["-B"] if sys.flags.dont_write_bytecode else []), *cache]


@contextmanager
def empty_folder() -> Iterator[str]:
    """A folder made for one child, and removed with its content; ``/`` if a folder cannot be made."""
    try:
        folder = tempfile.mkdtemp(prefix="arcops-")
    except OSError:
        yield "/"
        return
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: str,
    stdin: int | None = NOTHING,
    stdout: int | IO[bytes] | None = NOTHING,
    stderr: int | IO[bytes] | None = NOTHING,
    at_terminal: bool = False,
    keep: Sequence[int] = (),
) -> Child:
    """Start *command* in *folder*, in a session of its own, with *environment* and nothing else. Raises `OSError`.

    A stream that is ``None`` is this process's own. The descriptors *keep* stay open in the child. *at_terminal* keeps this
    process's session, for a child that asks a person.
    """
    return subprocess.Popen(
        list(command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=folder,
        env=dict(environment),
        start_new_session=not at_terminal,
        close_fds=True,
        pass_fds=keep,
    )


async def start_beside(
    command: Sequence[str], *, environment: Mapping[str, str], folder: str, log: Path
) -> asyncio.subprocess.Process:
    """As `start`, for an event loop; standard output and errors are added to *log*."""
    import asyncio  # a caller that awaits this has it already; other callers do not need it

    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            cwd=folder,
            stdin=NOTHING,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def become(command: Sequence[str], *, environment: Mapping[str, str], folder: str) -> None:
    """Replace this process by *command*; its number and parent stay. Does not return."""
    os.chdir(folder)
    os.execve(command[0], list(command), dict(environment))  # noqa: S606  # no shell is wanted


def begin_safely() -> None:
    """Keep the children that a library starts from finding modules in the working folder (``PYTHONSAFEPATH``)."""
    os.environ["PYTHONSAFEPATH"] = "1"


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed meanwhile
        return ""
