"""Only one process of a kind at a folder: a lock that ends with its process, and says who holds it."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import make_private

_MOST_BYTES = 1000
_HOLDER = re.compile(r"(?P<process>[0-9]{1,10}) (?P<machine>[!-~]{1,255}) (?P<address>[!-~]{1,400})\n")


@contextmanager
def only_one(folder: Path, name: str) -> Iterator[Callable[[str], None]]:
    """Be the only process that holds the lock *name* in *folder* until the block ends.

    The block is given a function that notes where others reach this process, for the process that comes second.

    Raises `Refused` if another process holds it, and says which; `Unavailable` if it cannot be written.
    """
    path = folder / f"{name}.lock"
    try:
        make_private(folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; let this user write into {folder}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path} is not a regular file; move it away")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"another 'arcops {name}' already uses {folder}: {_holder(descriptor)}; stop it, or give this one another home "
                "(ARCOPS_HOME)"
            ) from None
        except OSError as error:
            raise Unavailable(f"{path} cannot be locked: {error.strerror}") from error
        _note(path, descriptor, "-")
        yield partial(_note, path, descriptor)
    finally:
        os.close(descriptor)


def _note(path: Path, descriptor: int, address: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {os.uname().nodename} {address}\n".encode(), 0)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error


def _holder(descriptor: int) -> str:
    """Who holds the lock, as its holder wrote it."""
    found = _HOLDER.fullmatch(os.pread(descriptor, _MOST_BYTES, 0).decode("ascii", "replace"))
    if found is None:
        return "a process that is just starting"
    machine = "" if found["machine"] == os.uname().nodename else f" on {found['machine']}"
    address = "" if found["address"] == "-" else f", at {found['address']}"
    return f"process {found['process']}{machine}{address}"
